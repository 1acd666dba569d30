// Node descriptions and records as messages.

import { NodeDescription as ProtoDescription, NodeRecord as ProtoRecord } from "@cloudbrain/proto";
import {
  limits,
  type NodeDescription,
  type NodeNews,
  type NodeState,
  nodeKinds,
  type Title,
} from "../domain/index.ts";
import { checkAddress } from "./addresses.ts";
import { checkTime, invalid } from "./checks.ts";

export const nodeStates: readonly NodeState[] = [
  "joining",
  "online",
  "suspect",
  "offline",
  "draining",
  "retired",
];

export function protoTitle(title: Title) {
  return { zh: title.zh, en: title.en ?? "" };
}

export function parseTitle(title: { zh: string; en: string } | undefined): Title {
  const zh = (title?.zh ?? "").slice(0, titleCharsMax);
  const en = (title?.en ?? "").slice(0, titleCharsMax);
  return en === "" ? { zh } : { zh, en };
}

const titleCharsMax = 200;
const wordCharsMax = 100;

export function protoDescription(description: NodeDescription): ProtoDescription {
  return ProtoDescription.fromPartial({
    ...description,
    kind: nodeKinds.indexOf(description.kind) + 1,
    title: protoTitle(description.title),
    capabilities: [...description.capabilities],
  });
}

export function parseDescription(message: ProtoDescription | undefined): NodeDescription {
  if (message === undefined) {
    throw invalid("node", "it has no description");
  }
  const kind = nodeKinds[message.kind - 1];
  const subject = checkAddress(message.address);
  const { level, division, industry, region, hub, version } = message;
  if (kind === undefined) throw invalid(subject, `kind ${message.kind} is not known`);
  if (message.capabilities.length > limits.capabilitiesMax) {
    throw invalid(subject, "it has too many capabilities");
  }
  for (const word of [level, division, industry, region, version, ...message.capabilities]) {
    if (word.length > wordCharsMax || word.includes("\u0000")) {
      throw invalid(subject, "one of its words is too long");
    }
  }
  return {
    address: subject,
    kind,
    level,
    division,
    industry,
    region,
    title: parseTitle(message.title),
    capabilities: [...message.capabilities].sort(),
    hub,
    version,
  };
}

export function protoNodeNews(news: NodeNews): ProtoRecord {
  return ProtoRecord.fromPartial({
    description: protoDescription(news.description),
    state: nodeStates.indexOf(news.state) + 1,
    epoch: news.epoch,
    changedAtMs: news.changedAtMs,
  });
}

export function parseNodeNews(message: ProtoRecord): NodeNews {
  const description = parseDescription(message.description);
  const state = nodeStates[message.state - 1];
  const { epoch, changedAtMs } = message;
  const subject = description.address;
  if (state === undefined) throw invalid(subject, `state ${message.state} is not known`);
  checkTime(changedAtMs, subject);
  return { description, state, epoch, changedAtMs };
}
