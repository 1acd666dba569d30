// Virtual person: somebody of the cast at a desk of the testing kit, where everybody may handle
// every application.

import { MeshError, type TaskInfo } from "@cloudbrain/sdk";
import type { TaskCommand, TaskFilter, TaskPerson, TaskTarget } from "@cloudbrain/sdk/domain";
import type { TestMesh, TestPerson } from "@cloudbrain/sdk/testing";
import type {
  Cast,
  PersonPart,
  StageCommand,
  StagePerson,
  StageReceiver,
  StageTask,
  StageTaskDetail,
} from "./stage.ts";

export class VirtualPerson implements StagePerson {
  readonly account: string;
  private readonly cast: Cast;
  private readonly person: TestPerson;

  constructor(cast: Cast, mesh: TestMesh, account: string) {
    this.account = account;
    this.cast = cast;
    const { at, handles: _handles, ...part } = partOf(cast, account);
    this.person = mesh.person(part, at);
  }

  async tasks(list: TaskFilter): Promise<readonly TaskInfo[]> {
    return this.person.tasks(list);
  }

  async read(task: string): Promise<StageTaskDetail> {
    const detail = this.person.read(task);
    return {
      ...detail,
      coHandlings: detail.coHandlers.map(({ to, by, ...rest }) => ({
        ...rest,
        account: to.kind === "user" ? to.account : "",
        group: to.kind === "group" ? to.group : "",
        by,
      })),
      trail: detail.trail.map(({ by, ...entry }) => ({ ...entry, by })),
    };
  }

  async act(task: Pick<StageTask, "id" | "version">, command: StageCommand): Promise<void> {
    await this.person.act(task, this.commandOf(command));
  }

  private commandOf(command: StageCommand): TaskCommand {
    switch (command.kind) {
      case "transfer":
      case "askCoHandler":
        return { ...command, to: this.targetOf(command.to) };
      case "delegate":
        return { ...command, to: this.personOf(command.to) };
      case "decideReturn": {
        const { decision, ...rest } = command;
        if (decision.kind !== "changeCandidates") {
          return { ...rest, decision: { kind: decision.kind } };
        }
        const nobody = { users: [], groups: [], roles: [], departments: [] };
        const candidates = { ...nobody, ...decision.candidates };
        return { ...rest, decision: { kind: "changeCandidates", candidates } };
      }
      default:
        return command;
    }
  }

  private targetOf(to: StageReceiver): TaskTarget {
    if ("group" in to) return { kind: "group", group: to.group };
    return { kind: "user", ...this.personOf(to.account) };
  }

  private personOf(account: string): TaskPerson {
    const { name, department = "" } = partOf(this.cast, account);
    return { account, name, department };
  }
}

function partOf(cast: Cast, account: string): PersonPart {
  const part = cast.people.find((person) => person.account === account);
  if (part !== undefined) return part;
  throw new MeshError("USER_UNKNOWN", { subject: account, detail: "nobody of the cast" });
}
