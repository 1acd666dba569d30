// Plan: which process runs which nodes. A process hosts many hubs or many agents; every node has
// its own identity, store and link all the same.

import type { Division } from "./divisions.ts";

/** What a process needs to know about one of its nodes. Sent over IPC, so plain data. */
export interface PlannedNode {
  readonly address: string;
  readonly level: string;
  readonly division: string;
  readonly name: string;
  /** Address of the hub above; empty at the city. */
  readonly parent: string;
}

export interface PlannedProcess {
  readonly role: "hub" | "agent";
  readonly name: string;
  readonly nodes: readonly PlannedNode[];
}

/** Stages start one after another: a node dials the hub above, which must have its port. */
export type Plan = readonly (readonly PlannedProcess[])[];

/** On two cores more processes start no faster and each costs the memory of another Node.js. */
const streetProcesses = 1;
const communityProcesses = 2;

export function makePlan(divisions: readonly Division[]): Plan {
  const of = (level: Division["level"]): PlannedNode[] =>
    divisions.filter((division) => division.level === level).map(plannedNode);
  return [
    spread("hub", "city", of("city"), 1),
    spread("hub", "districts", of("district"), 1),
    spread("hub", "streets", of("street"), streetProcesses),
    spread("agent", "communities", of("community"), communityProcesses),
  ].filter((stage) => stage.length > 0);
}

function plannedNode(division: Division): PlannedNode {
  return {
    address: division.address,
    level: division.level,
    division: division.code,
    name: division.name,
    parent: division.parent?.address ?? "",
  };
}

/** Neighbours stay together, so that a street's communities share a process. */
function spread(
  role: PlannedProcess["role"],
  name: string,
  nodes: readonly PlannedNode[],
  count: number,
): PlannedProcess[] {
  const size = Math.ceil(nodes.length / count);
  const processes: PlannedProcess[] = [];
  for (let index = 0; index * size < nodes.length; index += 1) {
    processes.push({
      role,
      name: count === 1 ? name : `${name} ${index + 1}`,
      nodes: nodes.slice(index * size, (index + 1) * size),
    });
  }
  return processes;
}
