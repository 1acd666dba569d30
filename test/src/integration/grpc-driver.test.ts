import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  findGrpcMethod,
  type GrpcMethod,
} from "@cloudbrain/node-agent/internal/drivers/grpc-method";
import {
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  status,
} from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import { freePort } from "../support/agent-files.ts";
import { DriverRig } from "../support/driver-rig.ts";
import { waitFor } from "../support/mesh-waiting.ts";
import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";

const test = suite("the gRPC driver", { timeLimitMs: 60_000 });

const capability = "pump.dispatch/v1";
const limitMs = 15_000;
const proto = join(repositoryRoot, "docs", "examples", "drivers", "pump.proto");

interface Request {
  readonly site: string;
  readonly depthCm: number;
}
type Call = ServerUnaryCall<Request, object>;
type Answering = (call: Call) => object | undefined;

/** The vendor's service, on the same port every time. */
class PumpService {
  readonly calls: Call[] = [];
  answering: Answering = () => ({ truckId: "B07", etaMinutes: "12" });
  private server: Server | undefined;
  private readonly port: number;
  private readonly method: GrpcMethod;

  constructor(port: number, method: GrpcMethod) {
    this.port = port;
    this.method = method;
  }

  get target(): string {
    return `127.0.0.1:${this.port}`;
  }

  async open(): Promise<void> {
    const dispatch: handleUnaryCall<Request, object> = (call, done) => {
      this.calls.push(call);
      try {
        const answer = this.answering(call);
        if (answer !== undefined) done(null, answer);
      } catch (error) {
        done(error as Error);
      }
    };
    const server = new Server();
    server.addService({ dispatch: this.method } as ServiceDefinition, { dispatch });
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(this.target, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    this.server = server;
  }

  callsOf(site: string): readonly Call[] {
    return this.calls.filter(({ request }) => request.site === site);
  }

  close(): void {
    this.server?.forceShutdown();
  }
}

let rig: DriverRig;
let service: PumpService;

test.before(async () => {
  rig = await DriverRig.open();
  const found = findGrpcMethod(
    {
      protos: [proto],
      service: "pump.v1.PumpService",
      method: "Dispatch",
      request: undefined,
      response: undefined,
    },
    (key) => key,
  );
  if ("mistakes" in found) throw new Error(JSON.stringify(found.mistakes));
  service = new PumpService(await freePort(), found.method);
  await service.open();
  rig.write("pump.proto", readFileSync(proto, "utf8"));
  rig.configure(`  - capability: ${capability}
    grpc:
      protos: [pump.proto]
      target: ${service.target}
      plaintext: true
      service: pump.v1.PumpService
      method: Dispatch
      request: { site: location, depthCm: depth }
      response: { truck: truckId, eta: etaMinutes }
      timeout: 1s
`);
  await rig.publish(capability);
  await rig.startAgent();
});
test.after(async () => {
  await rig.close();
  service.close();
});
test.before.each(() => {
  service.answering = () => ({ truckId: "B07", etaMinutes: "12" });
});

function refusal(code: status, details: string): Error {
  return Object.assign(new Error(details), { code, details, metadata: new Metadata() });
}

test("fields of the input become the request, and fields of the response the output", async () => {
  const chain = await rig.submit(capability, { location: "中山路", depth: 40, other: true });
  assert.equal((await rig.ended(chain)).output, { result: { truck: "B07", eta: "12" } });
  const [call] = service.callsOf("中山路");
  assert.equal({ ...call?.request }, { site: "中山路", depthCm: 40 });
  assert.equal(call?.metadata.get("cloudbrain-chain"), [chain]);
  assert.is(String(call?.metadata.get("idempotency-key")).startsWith(chain), true);
});

test("what the request message can't keep fails before anything is called", async () => {
  const before = service.calls.length;
  const { state, reason } = await rig.ended(
    await rig.submit(capability, { location: "x", depth: "deep" }),
  );
  assert.is(state, "failed");
  assert.match(reason, /INPUT_INVALID: input\.depthCm can't be kept as given: "deep" would be 0/);
  assert.is(service.calls.length, before);
});

test("a status of the service is an outcome", async () => {
  service.answering = () => {
    throw refusal(status.NOT_FOUND, "no such site");
  };
  const failed = await rig.ended(await rig.submit(capability, { location: "nowhere" }));
  assert.is(failed.state, "failed");
  assert.match(failed.reason, /GRPC_NOT_FOUND: no such site/);
  assert.is(service.callsOf("nowhere").length, 1);
});

test("a service that is busy, slow or down is called again until it answers", async () => {
  service.answering = ({ request }) => {
    const no = service.callsOf(request.site).length;
    if (no === 1) throw refusal(status.RESOURCE_EXHAUSTED, "all trucks are out");
    return no === 2 ? undefined : { truckId: "B08", etaMinutes: "1" };
  };
  const chain = await rig.submit(capability, { location: "busy" });
  assert.equal((await rig.ended(chain)).output, { result: { truck: "B08", eta: "1" } });
  const keys = service
    .callsOf("busy")
    .map(({ metadata }) => String(metadata.get("idempotency-key")));
  assert.equal([keys.length, new Set(keys).size], [3, 1]);

  service.close();
  const waiting = await rig.submit(capability, { location: "down" });
  await waitFor({ what: "the loss in the log", limitMs }, () => {
    return rig.said.includes("UNAVAILABLE") || undefined;
  });
  await service.open();
  assert.is((await rig.ended(waiting)).state, "succeeded");
});

test("a cancel reaches the call", async () => {
  service.answering = () => undefined;
  const chain = await rig.submit(capability, { location: "cancelled" });
  const call = await waitFor({ what: "the call", limitMs }, () => service.callsOf("cancelled")[0]);
  await rig.mesh.client.cancelChain(chain, "the rain has stopped");
  assert.is((await rig.ended(chain)).state, "cancelled");
  await waitFor({ what: "the end of the call", limitMs }, () => call.cancelled || undefined);
});
