"""A paho-mqtt client against a running front door: python paho_client.py PORT [CA_FILE]

Publishes at QoS 0 and 1, hears an event, comes back to its session, and leaves a will behind.
Ends with status 0 and prints "done" when each of these was seen.
"""
import json
import queue
import socket
import sys

import paho.mqtt.client as mqtt

PORT = int(sys.argv[1])
CA_FILE = sys.argv[2] if len(sys.argv) > 2 else None
PATIENCE_S = 20


def client(name, events=None, clean=True):
    made = mqtt.Client(
        mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean, protocol=mqtt.MQTTv311
    )
    if CA_FILE:
        made.tls_set(ca_certs=CA_FILE)
    if events is not None:
        made.on_connect = lambda c, u, flags, code, p: events.put(("connected", code, flags))
        made.on_subscribe = lambda c, u, mid, codes, p: events.put(("subscribed", codes[0], None))
        made.on_message = lambda c, u, message: events.put(("message", message.topic, message))
    return made


def expect(events, kind):
    while True:
        event = events.get(timeout=PATIENCE_S)
        if event[0] == kind:
            return event


def start(made, events):
    made.connect("localhost", PORT, keepalive=20)
    made.loop_start()
    _, code, flags = expect(events, "connected")
    assert not code.is_failure, code
    return flags


def stop(made):
    made.disconnect()
    made.loop_stop()


def place(seq):
    return json.dumps({"x_m": 12.3, "y_m": 4.5, "floor": 1, "seq": seq})


hearing = queue.Queue()
subscriber = client("paho-subscriber", hearing, clean=False)
start(subscriber, hearing)
subscriber.subscribe("spor/v1/events/zone/paho-tag", qos=1)
_, granted, _ = expect(hearing, "subscribed")
assert granted.value == 1, granted

sending = queue.Queue()
publisher = client("paho-tag", sending)
start(publisher, sending)
first = publisher.publish("spor/v1/tags/paho-tag/position", place(1), qos=0)
first.wait_for_publish(PATIENCE_S)
for seq in range(2, 202):
    info = publisher.publish("spor/v1/tags/paho-tag/position", place(seq), qos=1)
    info.wait_for_publish(PATIENCE_S)
    assert info.is_published(), f"{seq} is not acknowledged"
_, topic, _ = expect(hearing, "message")
assert topic == "spor/v1/events/zone/paho-tag", topic

# The session is still there after an absence.
stop(subscriber)
flags = start(subscriber, hearing)
assert flags.session_present, "the session is gone"
stop(subscriber)
stop(publisher)

# A reader that vanishes: its socket is closed without a DISCONNECT.
vanishing = queue.Queue()
reader = client("paho-reader", vanishing)
reader.will_set("spor/v1/tags/paho-will/position", place(1), qos=1)
start(reader, vanishing)
reader.loop_stop()
reader.socket().shutdown(socket.SHUT_RDWR)
print("done")
