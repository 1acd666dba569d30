import { HubHealth } from "@cloudbrain/hub/internal/api/hub-health";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";

const test = suite("hub health");

const ended = { done: true, value: undefined };

test("it serves from when the hub is ready until it stops, and never again", () => {
  const health = new HubHealth();
  assert.is(health.state, "starting");
  health.serve();
  assert.is(health.state, "serving");
  health.stop();
  health.serve();
  assert.is(health.state, "stopped");
});

test("a hub that stops before it is ready never serves", () => {
  const health = new HubHealth();
  health.stop();
  health.serve();
  assert.is(health.state, "stopped");
});

test("a watcher learns the state of the moment, then each change, then the end", async () => {
  const health = new HubHealth();
  const states = health.watch(new AbortController().signal);
  assert.equal(await states.next(), { done: false, value: "starting" });
  const next = states.next();
  health.serve();
  assert.equal(await next, { done: false, value: "serving" });
  health.close();
  assert.equal(await states.next(), { done: false, value: "stopped" });
  assert.equal(await states.next(), ended);
});

test("a watcher that looks away misses what lies between, but not the last state", async () => {
  const health = new HubHealth();
  const states = health.watch(new AbortController().signal);
  await states.next();
  health.serve();
  health.stop();
  assert.equal(await states.next(), { done: false, value: "stopped" });
});

test("the watch of one who has gone ends, and that of another goes on", async () => {
  const health = new HubHealth();
  const leaver = new AbortController();
  const left = health.watch(leaver.signal);
  const stays = health.watch(new AbortController().signal);
  await Promise.all([left.next(), stays.next()]);
  const lefts = left.next();
  const stayed = stays.next();
  leaver.abort();
  assert.equal(await lefts, ended);
  health.serve();
  assert.equal(await stayed, { done: false, value: "serving" });
});
