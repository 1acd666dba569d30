// Task mesh: a city hub over loopback and the hub of a district, which is the desk of clerks.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Hub, openHub } from "@cloudbrain/hub";
import {
  type ChainSnapshot,
  type Client,
  createClient,
  isMeshError,
  type MeshError,
  readCredentials,
  type TaskInfo,
  type UserDraft,
} from "@cloudbrain/sdk";
import { type JsonValue, parseAddress } from "@cloudbrain/sdk/domain";
import type { Credentials } from "@cloudbrain/sdk/identity";
import { cityAddress, type PreparedMesh, prepareMesh } from "./mesh-shape.ts";
import { waitFor } from "./mesh-waiting.ts";
import { HostedProcess } from "./process-host.ts";
import type { HostedNode } from "./process-messages.ts";

export const districtAddress = parseAddress(`${cityAddress}/370202`);
/** The machine at which clerks sit. */
export const seatAddress = parseAddress(`${districtAddress}/s-seat`);
const capability = "clerk.handle/v1";
const waitMs = 15_000;
const timing = { heartbeatMs: 500, leaseMs: 2_000 };
/** Signing in fifty people must not take a test's time. */
const passwordLogN = 8;
const firstPassword = "a first password";
export const ownPassword = "a word of my own";

export const taskApplication = `apiVersion: cloudbrain/v1
kind: Application
metadata: { id: item.handling, version: 1.0.0, title: { zh: 群众诉求办理, en: Requests } }
spec:
  input: { type: object }
  deadline: { total: P2D }
  onFailure: fail
  steps:
    - id: bureau
      type: human
      title: { zh: 核实并办理积水问题, en: Clear the water }
      match: { capability: ${capability} }
      input: '=input'
      human:
        candidates: { groups: ['bureau:housing'] }
        actions: [claim, unclaim, complete, return, transfer, delegate, requestExtension, coHandle]
        onReturn: { to: dispatch, may: [changeCandidates, insist, reject], maxVisits: 3, then: suspend }
        extension: { max: 2, longest: P5D, decidedBy: [dispatch] }
        form:
          type: object
          required: [result, summary]
          properties:
            result: { type: string, enum: [done, rejected] }
            summary: { type: string, minLength: 4 }
      deadline: { claim: PT4H, finish: P1D }
      escalate:
        - { after: PT2H, on: unclaimed, do: remind }
  output: { result: '=steps.bureau.out.result' }
`;

export const handles: UserDraft["rights"] = [{ application: "item.handling", rights: ["handle"] }];

export const clerk: UserDraft = {
  name: "张三",
  department: "housing",
  area: "370202",
  roles: ["clerk"],
  groups: ["bureau:housing"],
  rights: handles,
};
export const dispatcher: UserDraft = {
  ...clerk,
  name: "派单员",
  department: "office",
  groups: ["dispatch"],
  rights: [],
};
export const supervisor: UserDraft = { ...dispatcher, name: "督办员", groups: ["hub:supervisors"] };

export class TaskMesh {
  /** The operator's clients, of the city and of the desk. */
  readonly city: Client;
  readonly desk: Client;
  readonly seat: Credentials;
  private readonly directory: string;
  private readonly prepared: PreparedMesh;
  private readonly hubs: Hub[] = [];
  private readonly process: HostedProcess | undefined;
  private readonly clients: Client[] = [];

  private constructor(
    directory: string,
    prepared: PreparedMesh,
    seat: Credentials,
    deskProcess: boolean,
  ) {
    this.directory = directory;
    this.prepared = prepared;
    this.seat = seat;
    this.city = this.connect(prepared.target(cityAddress), prepared.operator);
    this.desk = this.connect(this.deskTarget, prepared.operator);
    if (deskProcess) this.process = new HostedProcess({ name: "desk", nodes: [this.deskNode()] });
  }

  /** With `deskProcess` the district's hub runs in a process that `killDesk` ends. */
  static async open(options: { readonly deskProcess?: boolean } = {}): Promise<TaskMesh> {
    const directory = mkdtempSync(join(tmpdir(), "cloudbrain-tasks-"));
    const prepared = await prepareMesh(directory, [
      {
        role: "hub",
        address: cityAddress,
        level: "city",
        division: "370200000000",
        parent: undefined,
      },
      {
        role: "hub",
        address: districtAddress,
        level: "district",
        division: "370202000000",
        parent: cityAddress,
      },
    ]);
    const seat = await prepared.issue(seatAddress, 3_600_000);
    const mesh = new TaskMesh(directory, prepared, seat, options.deskProcess === true);
    await mesh.openHub(mesh.node(cityAddress), []);
    if (mesh.process === undefined) await mesh.openHub(mesh.node(districtAddress), [capability]);
    else await mesh.startDesk();
    await mesh.city.publish(taskApplication);
    await waitFor({ what: "the desk is known to the city", limitMs: waitMs }, async () => {
      for await (const { state } of mesh.city.listNodes({ capability })) {
        if (state === "online") return state;
      }
      return undefined;
    });
    return mesh;
  }

  get deskTarget(): string {
    return this.prepared.target(districtAddress);
  }

  get cityTarget(): string {
    return this.prepared.target(cityAddress);
  }

  get operator(): Credentials {
    return this.prepared.operator;
  }

  private node(address: typeof cityAddress): HostedNode {
    const node = this.prepared.nodes.get(address);
    if (node === undefined) throw new Error(`no node ${address}`);
    return node;
  }

  private deskNode(): HostedNode {
    return { ...this.node(districtAddress), capabilities: [capability], passwordLogN };
  }

  private async openHub(node: HostedNode, capabilities: readonly string[]): Promise<void> {
    const { address, directory, division, level, parent, port } = node;
    const hub = await openHub({
      description: {
        address: parseAddress(address),
        kind: "level",
        level,
        division,
        industry: "",
        region: "",
        title: { zh: address },
        capabilities,
        hub: true,
        version: "test",
      },
      dataDirectory: join(directory, "data"),
      credentials: readCredentials(join(directory, "identity")),
      listen: { host: "127.0.0.1", port },
      parent: parent === "" ? undefined : parent,
      ...timing,
      passwordLogN,
      log: () => undefined,
      fatal: (error) => {
        throw error;
      },
    });
    this.hubs.push(hub);
  }

  async startDesk(): Promise<void> {
    await this.process?.start();
  }

  /** As by `kill -9`. */
  async killDesk(): Promise<void> {
    if (this.process === undefined) throw new Error("the desk has no process of its own");
    await this.process.kill();
  }

  /** A client of the desk without a user, at the seat of clerks. */
  connect(hub: string, identity: Credentials): Client {
    const client = createClient({ hub, identity });
    this.clients.push(client);
    return client;
  }

  /** Somebody of the desk who has chosen a password and signed in. */
  async join(account: string, profile: UserDraft): Promise<Client> {
    const seat = this.connect(this.deskTarget, this.seat);
    await this.desk.users.create(account, profile, firstPassword);
    await seat.users.changePassword(account, { present: firstPassword, next: ownPassword });
    const client = await seat.signIn(account, ownPassword);
    this.clients.push(client);
    return client;
  }

  /** Starts so many chains at the city, and resolves when their tasks stand at the desk. */
  async submit(...inputs: readonly JsonValue[]): Promise<readonly string[]> {
    const submitted = await Promise.all(
      inputs.map((input) => this.city.submit("item.handling", input)),
    );
    const ids = submitted.map(({ chain }) => `${chain}.bureau.1#1`);
    await waitFor({ what: "the tasks are at the desk", limitMs: waitMs }, async () => {
      const held = new Set<string>();
      for await (const { id } of this.desk.tasks.list({ filter: "all" })) held.add(id);
      return ids.every((id) => held.has(id)) ? held : undefined;
    });
    return ids;
  }

  /** The task as the operator sees it. */
  async task(id: string): Promise<TaskInfo> {
    return await this.desk.tasks.get(id);
  }

  /** The end of the chain that a task belongs to. */
  async ended(task: string): Promise<ChainSnapshot> {
    const chain = task.split(".")[0] ?? "";
    const snapshots: ChainSnapshot[] = [];
    for await (const snapshot of this.city.watch(chain)) snapshots.push(snapshot);
    const last = snapshots.at(-1);
    if (last === undefined) throw new Error(`no end of ${chain}`);
    return last;
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.process?.stop();
    for (const hub of this.hubs.toReversed()) await hub.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** What a call was refused with; fails where it was not. */
export async function refusalOf(promise: Promise<unknown>): Promise<MeshError> {
  const error = await promise.then(
    () => undefined,
    (refused: unknown) => refused,
  );
  if (isMeshError(error)) return error;
  throw new Error(`no refusal: ${String(error)}`);
}
