// Waits: how stories wait for what happens on a stage. Nothing here knows how a stage is made.

import { isMeshError } from "@cloudbrain/sdk";
import type { TaskFilter } from "@cloudbrain/sdk/domain";
import type {
  Stage,
  StageChain,
  StageCommand,
  StageSnapshot,
  StageStep,
  StageTask,
} from "./stage.ts";

/** Moments after which what was to happen by itself is taken for missing. */
const momentsMax = 400;

/** Resolves with what `look` finds; lets a moment pass while that is undefined. */
export async function until<Found>(
  stage: Pick<Stage, "moment">,
  what: string,
  look: () => Promise<Found | undefined> | Found | undefined,
): Promise<Found> {
  for (let moments = 0; moments < momentsMax; moments += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await stage.moment();
  }
  throw new Error(`it has not come: ${what}`);
}

const goingOn: ReadonlySet<string> = new Set(["running", "cancelling", "compensating"]);

/** The chain once nothing moves in it by itself: it has ended, or waits for a person. */
export async function settled(
  stage: Pick<Stage, "moment">,
  chain: StageChain,
): Promise<StageSnapshot> {
  return await until(stage, `chain ${chain.id} ends or is suspended`, async () => {
    const now = await chain.now();
    return goingOn.has(now.state) ? undefined : now;
  });
}

/** The only task of this chain in a list of this person, once it is there. */
export async function taskFor(
  stage: Pick<Stage, "moment" | "person">,
  account: string,
  list: TaskFilter,
  chain: StageChain,
): Promise<StageTask> {
  return await until(stage, `a task of ${chain.id} ${list} for ${account}`, async () => {
    const tasks = await tasksFor(stage, account, list, chain);
    if (tasks.length > 1) throw new Error(`${account} finds ${tasks.length} tasks of ${chain.id}`);
    return tasks[0];
  });
}

/** The tasks of this chain in a list of this person, now. */
export async function tasksFor(
  stage: Pick<Stage, "person">,
  account: string,
  list: TaskFilter,
  chain: StageChain,
): Promise<readonly StageTask[]> {
  const tasks = await stage.person(account).tasks(list);
  return tasks.filter((task) => task.chain === chain.id);
}

/** Finds the only task of this chain in a list of this person and does something to it. */
export async function acts(
  stage: Pick<Stage, "moment" | "person">,
  account: string,
  list: TaskFilter,
  chain: StageChain,
  command: StageCommand,
): Promise<StageTask> {
  const task = await taskFor(stage, account, list, chain);
  await stage.person(account).act(task, command);
  return task;
}

/** The step of a chain once it is in one of these states. */
export async function stepIn(
  stage: Pick<Stage, "moment">,
  chain: StageChain,
  id: string,
  ...states: readonly StageStep["state"][]
): Promise<StageStep> {
  return await until(stage, `step ${id} of ${chain.id} is ${states.join(" or ")}`, async () => {
    const step = stepOf(await chain.now(), id);
    return states.includes(step.state) ? step : undefined;
  });
}

export function stepOf(snapshot: StageSnapshot, id: string): StageStep {
  const step = snapshot.steps.find((candidate) => candidate.id === id);
  if (step === undefined) throw new Error(`chain ${snapshot.id} has no step ${id}`);
  return step;
}

/** The code that something is refused with; `done` where it is not. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "done";
  } catch (error) {
    if (isMeshError(error)) return error.code;
    throw error;
  }
}
