// The official Node client against the sandbox.

import assert from "node:assert/strict";
import Cloudflare from "cloudflare";

const { SANDBOX_API: baseURL, SANDBOX_CONTROL: controls, CLOUDFLARE_API_TOKEN: apiToken } = process.env;
const client = new Cloudflare({ apiToken, baseURL, maxRetries: 0, timeout: 10_000 });

async function control(path, body) {
  const request = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(controls + path, body ? request : undefined);
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.status === 204 ? undefined : answer.json();
}

async function collect(pages) {
  const all = [];
  for await (const one of pages) all.push(one);
  return all;
}

async function zoneId(name = "one.test") {
  return (await collect(client.zones.list({ name })))[0].id;
}

async function record(name) {
  return (await collect(client.dns.records.list({ zone_id: await zoneId(), name: { exact: name } })))[0];
}

async function expectError(kind, code, action) {
  await assert.rejects(action, (error) => {
    assert.ok(error instanceof kind, `${error.constructor.name} is no ${kind.name}`);
    assert.deepEqual(error.errors.map((one) => one.code), [code]);
    return true;
  });
}

const checks = {
  async recordsAreListedOverSeveralPages() {
    const zone_id = await zoneId();
    const listed = await collect(client.dns.records.list({ zone_id, per_page: 3 }));
    assert.equal(new Set(listed.map((one) => one.id)).size, 8);
    assert.equal((await collect(client.dns.records.list({ zone_id, type: "A" }))).length, 4);
  },

  async aBatchDoesAllFourKinds() {
    const zone_id = await zoneId();
    const [a, b, d] = await Promise.all(["a", "b", "d"].map((name) => record(`${name}.one.test`)));
    const done = await client.dns.records.batch({
      zone_id,
      deletes: [{ id: d.id }],
      patches: [{ id: a.id, content: "127.0.2.9" }],
      puts: [{ id: b.id, name: b.name, type: "A", content: "127.0.1.9", ttl: 120 }],
      posts: [{ name: "e.one.test", type: "A", content: "127.0.1.5", ttl: 1 }],
    });
    assert.equal(done.deletes[0].id, d.id);
    assert.deepEqual([done.patches[0].content, done.patches[0].comment], ["127.0.2.9", "first"]);
    assert.equal(done.puts[0].ttl, 120);
    assert.equal(done.posts[0].name, "e.one.test");
  },

  async aFailedBatchChangesNothing() {
    const before = await control("/records?zone=one.test");
    const zone_id = await zoneId();
    const a = await record("a.one.test");
    const patches = [{ id: a.id, content: "127.0.2.9" }, { id: "0".repeat(32), content: "127.0.2.9" }];
    await expectError(Cloudflare.NotFoundError, 81044, () => client.dns.records.batch({ zone_id, patches }));
    assert.deepEqual(await control("/records?zone=one.test"), before);
  },

  async patchKeepsAndPutResets() {
    const zone_id = await zoneId();
    const a = await record("a.one.test");
    const fields = { zone_id, name: a.name, type: "A" };
    const patched = await client.dns.records.edit(a.id, { ...fields, content: "127.0.2.9", ttl: 300 });
    assert.deepEqual([patched.content, patched.comment, patched.tags], ["127.0.2.9", "first", ["env:live"]]);
    const put = await client.dns.records.update(a.id, { ...fields, content: "127.0.2.8", ttl: 1 });
    assert.deepEqual([put.comment, put.tags, put.ttl], [null, [], 1]);
  },

  async errorsHaveTheirClassesAndCodes() {
    const zone_id = await zoneId();
    const same = { zone_id, name: "a.one.test", type: "A", content: "127.0.1.1", ttl: 300 };
    await expectError(Cloudflare.BadRequestError, 81058, () => client.dns.records.create(same));
    const unknown = new Cloudflare({ apiToken: "x".repeat(40), baseURL, maxRetries: 0 });
    await expectError(Cloudflare.AuthenticationError, 1000, () => unknown.user.tokens.verify());
    await expectError(Cloudflare.PermissionDeniedError, 9109, () => collect(unknown.zones.list()));
  },

  async theLimitIsAnErrorOfItsOwn() {
    await control("/limit", { requests: 1, window_ms: 60_000, block_ms: 60_000 });
    await client.zones.list();
    await expectError(Cloudflare.RateLimitError, 10100, () => collect(client.zones.list()));
  },

  async whatTheTransportLosesIsSeen() {
    await control("/faults", { kind: "drop-before", times: 1 });
    await assert.rejects(collect(client.zones.list()), Cloudflare.APIConnectionError);
    await control("/faults", { kind: "hang", times: 1 });
    const hasty = new Cloudflare({ apiToken, baseURL, maxRetries: 0, timeout: 300 });
    await assert.rejects(collect(hasty.zones.list()), Cloudflare.APIConnectionTimeoutError);
  },
};

let [passed, failed] = [0, 0];
for (const [name, check] of Object.entries(checks)) {
  await control("/reset", {});
  try {
    await check();
    passed += 1;
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}\n${error.stack}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
