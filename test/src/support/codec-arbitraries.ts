// Arbitrary batches: every body, list and handshake message that the codec must carry unchanged.

import {
  type Address,
  type AggregateRule,
  type Batch,
  type CatalogMessage,
  type FanoutEach,
  type Frame,
  type FrameBody,
  type HumanRule,
  type JsonValue,
  type Lane,
  type LanePosition,
  lanes,
  levels,
  limits,
  type Mapping,
  type NodeDescription,
  type NodeNews,
  nodeKinds,
  outcomes,
  parseAddress,
  type TaskHeading,
  type TaskSpec,
  taskActions,
} from "@cloudbrain/sdk/domain";
import fc, { type Arbitrary } from "fast-check";

const uint = fc.nat(0xffffffff);
const count = fc.integer({ min: 1, max: 0xffffffff });
const sequence = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const milliseconds = fc.double({ min: 0, max: 1e15, noNaN: true }).map((ms) => ms + 0);
/** Whole characters: half a surrogate pair has no UTF-8. */
const text = (maxLength: number) => fc.string({ unit: "binary", maxLength });
const word = fc.string({ unit: "grapheme", maxLength: 8 }).filter((it) => !it.includes("\u0000"));
const id = word.filter((it) => it !== "");
const json: Arbitrary<JsonValue> = fc
  .jsonValue({ maxDepth: 4 })
  .map((value) => JSON.parse(JSON.stringify(value)) as JsonValue);
const jsonText = json.map((value) => JSON.stringify(value));
const title = fc.record({ zh: word, en: id }, { requiredKeys: ["zh"] });
const lane: Arbitrary<Lane> = fc.constantFrom(...lanes);
const code = fc.constantFrom("HUB_BUSY", "FRAME_INVALID", "");

export const address: Arbitrary<Address> = fc
  .array(fc.stringMatching(/^[0-9a-z](?:[0-9a-z-]{0,10}[0-9a-z])?$/), {
    minLength: 1,
    maxLength: 6,
  })
  .map((labels) => parseAddress(`/${labels.join("/")}`));

const description: Arbitrary<NodeDescription> = fc.record({
  address,
  kind: fc.constantFrom(...nodeKinds),
  level: fc.constantFrom(...levels, ""),
  division: fc.constantFrom("370202000000", ""),
  industry: word,
  region: word,
  title,
  capabilities: fc.array(word, { maxLength: 5 }).map((list) => list.sort()),
  hub: fc.boolean(),
  version: word,
});

const news: Arbitrary<NodeNews> = fc.record({
  description,
  state: fc.constantFrom("joining", "online", "suspect", "offline", "draining", "retired"),
  epoch: uint,
  changedAtMs: milliseconds,
});

const mapping: Arbitrary<Mapping> = fc.oneof(
  fc.record({ kind: fc.constant("expression" as const), source: word }),
  fc.record({ kind: fc.constant("literal" as const), value: json }),
  fc.record({
    kind: fc.constant("list" as const),
    items: fc.array(fc.record({ kind: fc.constant("expression" as const), source: word })),
  }),
  fc.record({
    kind: fc.constant("fields" as const),
    fields: fc.array(
      fc.record({
        name: word,
        mapping: fc.record({ kind: fc.constant("literal" as const), value: json }),
      }),
    ),
  }),
);

function maybe<Value>(value: Arbitrary<Value>): Arbitrary<Value | undefined> {
  return fc.option(value, { nil: undefined });
}

const mappings = fc.array(mapping, { maxLength: 3 });
const actions = fc.subarray([...taskActions]);
const decisions = fc.subarray(["changeCandidates", "insist", "reject"] as const);
const escalation = {
  afterMs: milliseconds,
  on: fc.constantFrom("unclaimed", "unfinished"),
  action: fc.constantFrom("remind", "offer", "offerUp", "supervise"),
  channels: fc.array(word, { maxLength: 2 }),
} as const;
const human: Arbitrary<HumanRule> = fc.record({
  candidates: fc.record({
    users: mappings,
    groups: mappings,
    roles: mappings,
    departments: mappings,
  }),
  actions,
  form: maybe(json),
  onReturn: maybe(
    fc.record({
      to: mappings,
      may: decisions,
      visitsMax: count,
      // biome-ignore lint/suspicious/noThenProperty: the word of the language
      then: fc.constantFrom("suspend", "fail"),
    }),
  ),
  extension: fc.record({ max: count, longestMs: milliseconds, decidedBy: mappings }),
});

const match = fc.record({
  capability: word,
  level: maybe(fc.constantFrom(...levels)),
  region: maybe(mapping),
  industry: maybe(mapping),
  where: maybe(word),
  policy: maybe(word),
  allow: maybe(word),
  pick: fc.constantFrom("one", "leastLoaded", "nearest"),
  prefer: maybe(fc.array(word, { maxLength: 3 })),
});

const retry = fc.record({
  max: count,
  initialMs: milliseconds,
  factor: milliseconds,
  capMs: milliseconds,
  jitter: milliseconds,
  notOn: fc.array(word),
  rematch: fc.boolean(),
});

const each: Arbitrary<FanoutEach> = fc.record({
  human: maybe(human),
  escalate: maybe(fc.array(fc.record({ ...escalation, to: mappings }), { maxLength: 3 })),
  match,
  revise: maybe(fc.boolean()),
  compensate: maybe(fc.record({ match, input: maybe(mapping), retry, finishMs: milliseconds })),
  input: maybe(mapping),
  deadlines: fc.record({
    startMs: maybe(milliseconds),
    finishMs: maybe(milliseconds),
    heartbeatMs: maybe(milliseconds),
    totalMs: maybe(milliseconds),
  }),
  retry,
});

/** The field is there or not: a message leaves out what is absent. */
function maybeWith<Body extends object, Key extends string, Value>(
  body: Arbitrary<Body>,
  key: Key,
  value: Arbitrary<Value>,
): Arbitrary<Body & { readonly [Name in Key]?: Value }> {
  return fc.tuple(body, maybe(value)).map(([fields, extra]) => {
    const more = extra === undefined ? {} : { [key]: extra };
    return { ...fields, ...more } as Body & { readonly [Name in Key]?: Value };
  });
}

const heading: Arbitrary<TaskHeading> = fc.record({
  application: word,
  title,
  priority: fc.nat(100),
});
const names = fc.array(id, { maxLength: 3 });
const wholeMs = fc.nat(1_000_000_000);
const taskSpec: Arbitrary<TaskSpec> = maybeWith(
  maybeWith(
    fc
      .tuple(
        heading,
        fc.record({
          about: address,
          candidates: fc.record({ users: names, groups: names, roles: names, departments: names }),
          actions,
          extension: fc.record({ max: fc.nat(9), longestMs: wholeMs, decidedBy: names }),
          deadlines: fc.record({ claimMs: wholeMs, finishMs: wholeMs, calendar: word }),
          escalations: fc.array(
            fc.record({
              ...escalation,
              afterMs: wholeMs,
              to: names,
              channels: names,
            }),
            { maxLength: 3 },
          ),
          revise: fc.boolean(),
        }),
      )
      .map(([shown, rest]) => ({ ...shown, ...rest })),
    "form",
    json,
  ),
  "onReturn",
  fc.record({
    to: names,
    may: decisions,
    visitsMax: fc.nat(9),
  }),
);

const ratio = fc.double({ min: 0, max: 1, noNaN: true }).map((it) => it + 0);
const aggregate: Arbitrary<AggregateRule> = fc.record({
  into: fc.array(
    fc.record({
      name: word,
      reducer: fc.oneof(
        fc.constant({ op: "count" as const }),
        fc.record({ op: fc.constantFrom("sum", "min", "max", "avg", "first"), value: word }),
        fc.record({ op: fc.constant("countIf" as const), where: word }),
        fc.record({
          op: fc.constant("collect" as const),
          value: word,
          where: maybe(word),
          limit: fc.nat(limits.collectItemsMax),
        }),
      ),
    }),
    { maxLength: 5 },
  ),
  emitEveryMs: milliseconds,
  quorum: ratio,
  or: maybe(word),
  minimum: ratio,
  onShort: fc.constantFrom("fail", "suspend", "partial"),
  late: fc.constantFrom("record", "revise", "reject"),
  finishMs: milliseconds,
});

type BodyOf<Kind extends FrameBody["kind"]> = Arbitrary<Extract<FrameBody, { kind: Kind }>>;
const kind = <Kind extends string>(name: Kind): Arbitrary<Kind> => fc.constant(name);

export const bodies: { readonly [Kind in FrameBody["kind"]]: BodyOf<Kind> } = {
  instruction: maybeWith(
    fc.record({
      kind: kind("instruction"),
      id,
      chain: word,
      step: word,
      attempt: count,
      capability: word,
      input: fc.oneof(jsonText, text(300)),
      finishMs: milliseconds,
      heartbeatMs: milliseconds,
    }),
    "task",
    taskSpec,
  ),
  cancel: fc.record({ kind: kind("cancel"), id, attempt: uint, reason: text(100) }),
  accepted: fc.record({ kind: kind("accepted"), id, attempt: count }),
  progress: maybeWith(
    fc.record({ kind: kind("progress"), id, attempt: count, ratio, note: text(100) }),
    "dueInMs",
    fc.integer({ min: 1, max: 1e12 }),
  ),
  feedback: fc.record({
    kind: kind("feedback"),
    id,
    attempt: count,
    outcome: fc.constantFrom(...outcomes),
    output: fc.oneof(jsonText, text(300)),
    errorCode: text(20),
    message: text(100),
    retryable: fc.boolean(),
    revision: uint,
  }),
  delegate: maybeWith(
    fc.record({
      kind: kind("delegate"),
      fanout: id,
      chain: word,
      step: word,
      scope: address,
      level: fc.constantFrom(...levels),
      membersMax: uint,
      each,
      aggregate,
      context: fc.record({ input: json, steps: json }),
      budgetMs: milliseconds,
      compensates: word,
    }),
    "heading",
    heading,
  ),
  withdraw: fc.record({
    kind: kind("withdraw"),
    fanout: id,
    reason: text(100),
    forgets: fc.boolean(),
  }),
  partial: fc
    .record({
      kind: kind("partial"),
      fanout: id,
      version: count,
      closed: fc.boolean(),
      final: fc.boolean(),
      replied: fc.nat(1_000_000),
      failed: fc.nat(1_000_000),
      accumulators: fc.array(json, { maxLength: 5 }),
      missing: fc.array(address, { maxLength: 20 }),
    })
    .map((body) => ({ ...body, members: body.replied + body.failed + 1 })),
  nodes: fc.record({
    kind: kind("nodes"),
    upserts: fc.array(news, { maxLength: 3 }),
    removed: fc.array(address, { maxLength: 3 }),
    final: fc.boolean(),
  }),
  register: fc.record({
    kind: kind("register"),
    origin: address,
    application: id,
    version: id,
    title,
    hash: word,
    needs: fc.array(
      fc.record({
        capability: id,
        level: fc.constantFrom(...levels, ""),
        industry: word,
        areas: fc.array(id, { maxLength: 2 }),
        kind: fc.constantFrom("one", "every"),
        steps: fc.array(id, { maxLength: 3 }),
      }),
      { maxLength: 3 },
    ),
    withdrawn: fc.boolean(),
  }),
  registered: fc.record({
    kind: kind("registered"),
    origin: address,
    application: id,
    version: id,
    hubs: uint,
    pending: uint,
    counts: fc.array(
      fc.record({ online: fc.nat(50), holders: fc.integer({ min: 50, max: 99 }), expected: uint }),
      { minLength: 1, maxLength: 3 },
    ),
    gaps: fc.array(
      fc.record({ need: fc.constant(0), hub: address, holders: uint, expected: uint }),
      { maxLength: 3 },
    ),
    gapsMore: uint,
  }),
};

const opaque = fc.record({
  kind: kind("opaque"),
  wireKind: fc.integer({ min: 1_000, max: 0xffffffff }),
  bytes: fc.uint8Array({ maxLength: 200 }),
});

export function frameOf(body: Arbitrary<Frame["body"]>): Arbitrary<Frame> {
  return fc.record({
    from: address,
    to: address,
    body,
    hopLimit: uint,
    traceparent: fc.constantFrom("", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
  });
}

const positions: Arbitrary<readonly LanePosition[]> = fc.array(
  fc.record(
    { lane, received: sequence, sent: sequence, acked: sequence, sentBefore: sequence },
    { requiredKeys: ["lane", "received", "sent", "acked"] },
  ),
  { maxLength: lanes.length },
);
const features = fc.array(word, { maxLength: 5 });
const anyBody: Arbitrary<Frame["body"]> = fc.oneof(opaque, ...Object.values(bodies));

const entryName = fc.record({ owner: address, code });
const versioned = fc.record({ owner: address, code, incarnation: sequence, counter: sequence });
const catalogMessages: Arbitrary<CatalogMessage> = fc.oneof(
  fc.record({ kind: fc.constant("resume" as const), logId: word, appliedRev: sequence }),
  fc.record({
    kind: fc.constant("ack" as const),
    logId: word,
    appliedRev: sequence,
    refusals: fc.array(
      fc
        .record({ name: entryName, error: code, detail: text(50) })
        .map(({ name, error, detail }) => ({ ...name, error, detail })),
      { maxLength: 3 },
    ),
  }),
  fc
    .record({
      logId: word,
      revs: fc.array(sequence, { minLength: 3, maxLength: 3 }),
      upserts: fc.array(
        fc
          .record({ name: versioned, entry: fc.uint8Array({ maxLength: 50 }) })
          .map(({ name, entry }) => ({ ...name, entry: new Uint8Array(entry) })),
        { maxLength: 3 },
      ),
      tombstones: fc.array(versioned, { maxLength: 3 }),
    })
    .map(({ revs, ...rest }) => {
      const [baseRev = 0, toRev = 0, headRev = 0] = revs.toSorted((a, b) => a - b);
      return { kind: "delta" as const, baseRev, toRev, headRev, ...rest };
    }),
);

/** Whole batches. A run has frames of every kind. */
export const batches: Arbitrary<Batch> = fc.record({
  hello: maybe(
    fc.record({
      protocolMin: uint,
      protocolMax: uint,
      features,
      description,
      storeId: word,
      epoch: uint,
      dial: uint,
      peerStoreId: word,
      positions,
      heartbeatMs: uint,
      draining: fc.boolean(),
    }),
  ),
  welcome: maybe(
    fc.record({
      protocol: uint,
      features,
      address,
      title,
      storeId: word,
      epoch: uint,
      resumed: fc.boolean(),
      positions,
      heartbeatMs: uint,
      ancestors: fc.array(address, { maxLength: limits.addressSegmentsMax }),
      linkToken: word,
    }),
  ),
  goodbye: maybe(
    fc.record(
      { code, subject: address, detail: text(100), retryAfterMs: uint },
      { requiredKeys: ["code", "detail", "retryAfterMs"] },
    ),
  ),
  heartbeat: maybe(fc.constant(true)),
  bulkWanted: maybe(fc.constant(true)),
  catalog: maybe(catalogMessages),
  runs: fc.array(
    fc.record({ lane, firstSeq: sequence, frames: fc.array(frameOf(anyBody), { maxLength: 5 }) }),
    { maxLength: 2 },
  ),
  acks: fc.array(fc.record({ lane, seq: sequence }), { maxLength: 4 }),
  credits: fc.array(fc.record({ lane, seqMax: sequence, bytesMax: sequence }), { maxLength: 4 }),
  refusals: fc.array(fc.record({ lane, seq: sequence, code, detail: text(50) }), { maxLength: 4 }),
});
