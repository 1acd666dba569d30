// grpc.health.v1.Health: what load balancers and probes ask every gRPC server.
//
// Why it is not the package grpc-health-check: docs/adr/0015.

import {
  type HealthServer,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "@cloudbrain/proto/grpc/health/v1/health";
import { MeshError } from "@cloudbrain/sdk/domain";
import { serverStream, unary } from "./calls.ts";
import type { HealthState } from "./hub-health.ts";
import type { ServiceParts } from "./services.ts";

/** Asked for by the empty name: the server as a whole. */
const wholeServer = "";

/** All services of a hub stand on one kernel and one store: they serve together or not at all. */
export function createHealthService(
  parts: ServiceParts,
  services: ReadonlySet<string>,
): HealthServer {
  const { calls: host } = parts;
  const { health } = parts;
  const isKnown = (service: string): boolean => service === wholeServer || services.has(service);
  return {
    check: unary(host, "member", ({ service }) => {
      if (isKnown(service)) return { status: statusOf(health.state) };
      throw new MeshError("SERVICE_UNKNOWN", {
        subject: service,
        detail: "the hub serves no such service; List names all of them",
      });
    }),
    list: unary(host, "member", () => {
      const status = statusOf(health.state);
      const names = [wholeServer, ...services];
      return { statuses: Object.fromEntries(names.map((name) => [name, { status }])) };
    }),
    watch: serverStream(host, "member", async function* ({ service }, { signal }) {
      let told: ServingStatus | undefined;
      for await (const state of health.watch(signal)) {
        // An unknown service stays unknown: what a hub serves never changes while it runs.
        const status = isKnown(service) ? statusOf(state) : ServingStatus.SERVICE_UNKNOWN;
        if (status === told) continue;
        told = status;
        yield { status };
      }
    }),
  };
}

function statusOf(state: HealthState): ServingStatus {
  return state === "serving" ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
}
