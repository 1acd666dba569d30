// Mesh person: somebody of the cast who signs in at their desk over gRPC, and acts through the
// client that every program uses.

import { type Client, isMeshError } from "@cloudbrain/sdk";
import type { TaskFilter, UserRole } from "@cloudbrain/sdk/domain";
import type { MeshTime } from "../support/mesh-time.ts";
import type { PersonPart, StageCommand, StagePerson, StageTask, StageTaskDetail } from "./stage.ts";

export interface PersonPlace {
  /** The machine at which people sit; nobody is signed in. */
  readonly seat: Client;
  /** The client of who manages the desk. */
  readonly operator: Client;
  readonly time: MeshTime;
}

const firstPassword = "a first password";
const ownPassword = "a word of my own";

export class MeshPerson implements StagePerson {
  readonly account: string;
  private readonly part: PersonPart;
  private readonly seat: Client;
  private readonly time: MeshTime;
  private client: Client | undefined;

  private constructor(part: PersonPart, place: PersonPlace) {
    this.account = part.account;
    this.part = part;
    this.time = place.time;
    this.seat = place.seat;
  }

  /** Resolves when the desk knows the user, who has chosen a password. */
  static async create(part: PersonPart, place: PersonPlace): Promise<MeshPerson> {
    const {
      account,
      name,
      department = "",
      area = "",
      groups = [],
      roles = [],
      handles = [],
    } = part;
    const rights = handles.map((application) => ({ application, rights: ["handle" as const] }));
    // Everybody has a role.
    const profile = { name, department, area, groups, roles: orUser(roles), rights };
    await place.operator.users.create(account, profile, firstPassword);
    const person = new MeshPerson(part, place);
    await person.seat.users.changePassword(account, { present: firstPassword, next: ownPassword });
    return person;
  }

  async tasks(list: TaskFilter): Promise<readonly StageTask[]> {
    return await this.signedIn(async ({ tasks }) => {
      const found: StageTask[] = [];
      for await (const task of tasks.list({ filter: list })) found.push(task);
      return found;
    });
  }

  async read(task: string): Promise<StageTaskDetail> {
    return await this.signedIn(({ tasks }) => tasks.get(task));
  }

  async act(task: Pick<StageTask, "id" | "version">, command: StageCommand): Promise<void> {
    await this.signedIn((client) => give(client.tasks, task, command));
    await this.time.rest();
  }

  /** A sign-in ends by the hub's time, of which much may have passed: then there is another. */
  private async signedIn<Result>(call: (client: Client) => Promise<Result>): Promise<Result> {
    if (this.client !== undefined) {
      try {
        return await call(this.client);
      } catch (error) {
        if (!isMeshError(error) || error.code !== "IDENTITY_UNTRUSTED") throw error;
        this.client.close();
      }
    }
    this.client = await this.seat.signIn(this.part.account, ownPassword);
    return await call(this.client);
  }

  close(): void {
    this.client?.close();
  }
}

function orUser(roles: readonly UserRole[]): readonly UserRole[] {
  return roles.length === 0 ? ["user"] : roles;
}

async function give(
  tasks: Client["tasks"],
  task: Pick<StageTask, "id" | "version">,
  command: StageCommand,
): Promise<unknown> {
  switch (command.kind) {
    case "claim":
      return await tasks.claim(task);
    case "unclaim":
    case "resolve":
    case "remind":
    case "resume":
      return await tasks[command.kind](task, { reason: command.reason });
    case "complete":
    case "report":
      return await tasks[command.kind](task, command.output);
    case "return":
      return await tasks.returnTask(task, command.reason);
    case "supervise":
      return await tasks.supervise(task, command.reason);
    case "decideReturn":
      return await tasks.decideReturn(task, command.decision, command.reason);
    case "transfer":
      return await tasks.transfer(task, command.to, command.reason);
    case "delegate":
      return await tasks.delegate(task, command.to, command.reason);
    case "requestExtension":
      return await tasks.requestExtension(task, command.extraMs, command.reason);
    case "decideExtension":
      return await tasks.decideExtension(task, command.grant, command.reason);
    case "askCoHandler":
      return await tasks.askCoHandler(task, command.to, command.reason, {
        required: command.required,
      });
    case "answerCoHandling":
      return await tasks.answerCoHandling(task, command.entry, command.opinion);
  }
}
