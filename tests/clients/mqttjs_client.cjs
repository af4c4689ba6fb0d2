// An MQTT.js client against a running front door: node mqttjs_client.cjs PORT [CA_FILE]
//
// Publishes at QoS 0 and 1, hears an event, comes back to its session, and leaves a will behind.
// Ends with status 0 and prints "done" when each of these was seen.
const assert = require("node:assert");
const { once } = require("node:events");
const { readFileSync } = require("node:fs");
const mqtt = require("mqtt");

const [port, caFile] = process.argv.slice(2);
const url = `${caFile ? "mqtts" : "mqtt"}://localhost:${port}`;
const place = (seq) => JSON.stringify({ x_m: 12.3, y_m: 4.5, floor: 1, seq });
setTimeout(() => {
  console.error("not done in time");
  process.exit(1);
}, 60_000).unref();

async function connect(clientId, more = {}) {
  const ca = caFile ? { ca: readFileSync(caFile) } : {};
  const options = { clientId, protocolVersion: 4, reconnectPeriod: 200, ...ca, ...more };
  const client = mqtt.connect(url, options);
  const [connack] = await once(client, "connect");
  return { client, connack };
}

async function main() {
  const { client: subscriber } = await connect("mqttjs-subscriber", { clean: false });
  const granted = await subscriber.subscribeAsync("spor/v1/events/zone/mqttjs-tag", { qos: 1 });
  assert.equal(granted[0].qos, 1);
  const heard = once(subscriber, "message");

  const { client: publisher } = await connect("mqttjs-tag");
  const topic = "spor/v1/tags/mqttjs-tag/position";
  await publisher.publishAsync(topic, place(1), { qos: 0 });
  for (let seq = 2; seq <= 201; seq += 1) {
    await publisher.publishAsync(topic, place(seq), { qos: 1 });
  }
  assert.equal((await heard)[0], "spor/v1/events/zone/mqttjs-tag");

  // A broken line: the library comes back by itself, and its session is still there.
  const back = once(subscriber, "connect");
  subscriber.stream.destroy();
  assert.equal((await back)[0].sessionPresent, true);
  await subscriber.endAsync();
  await publisher.endAsync();

  // A reader that vanishes: its socket is closed without a DISCONNECT.
  const will = { topic: "spor/v1/tags/mqttjs-will/position", payload: place(1), qos: 1, retain: false };
  const { client: reader } = await connect("mqttjs-reader", { will, reconnectPeriod: 0 });
  reader.stream.destroy();
  await once(reader, "close");
  console.log("done");
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
