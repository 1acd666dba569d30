// Services: what a hub offers over gRPC beside its links (协同能力服务).

import {
  ApplicationServiceService,
  BlobServiceService,
  CatalogServiceService,
  ChainServiceService,
  HubServiceService,
  LinkServiceService,
  RegistryServiceService,
  TaskServiceService,
  UserServiceService,
} from "@cloudbrain/proto";
import { HealthService } from "@cloudbrain/proto/grpc/health/v1/health";
import { ServerReflectionService } from "@cloudbrain/proto/grpc/reflection/v1/reflection";
import * as alpha from "@cloudbrain/proto/grpc/reflection/v1alpha/reflection";
import type { NodeDescription, Validate } from "@cloudbrain/sdk/domain";
import type { Journal } from "@cloudbrain/sdk/journal";
import type { Server, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { HubBlobs } from "../blobs/hub-blobs.ts";
import type { HubCatalog } from "../catalog/hub-catalog.ts";
import type { HubDriver } from "../driver.ts";
import type { HubEvent, HubKernel, HubOutput } from "../kernel/index.ts";
import type { HubLinks } from "../links/hub-links.ts";
import type { History } from "../storage/history.ts";
import type { PasswordProcess } from "../users/password-process.ts";
import { createApplicationService } from "./application-service.ts";
import { createBlobService } from "./blob-service.ts";
import type { CallHost } from "./calls.ts";
import { createCatalogService } from "./catalog-service.ts";
import { createChainService } from "./chain-service.ts";
import type { ChainWatch } from "./chain-watch.ts";
import { createHealthService } from "./health-service.ts";
import type { HubHealth } from "./hub-health.ts";
import { createHubService, createRegistryService } from "./management-services.ts";
import { createReflectionService } from "./reflection-service.ts";
import { createTaskService } from "./task-service.ts";
import type { TaskWatch } from "./task-watch.ts";
import { createUserService } from "./user-service.ts";

export interface ServiceParts {
  readonly driver: HubDriver;
  readonly kernel: HubKernel;
  readonly history: History;
  readonly watch: ChainWatch;
  readonly taskWatch: TaskWatch;
  readonly health: HubHealth;
  /** Takes no new chains from now on; resolves when that is durable. */
  readonly drain: () => Promise<void>;
  readonly links: HubLinks;
  readonly description: NodeDescription;
  readonly journal: Journal<HubEvent, HubOutput>;
  /** Monotonic: setting the clock does not change how long it has run. */
  readonly startedAtMs: number;
  readonly calls: CallHost;
  readonly passwords: PasswordProcess;
  /** Names of the working calendars that applications may use here. */
  readonly calendars: readonly string[];
  readonly validate: Validate;
  readonly blobs: HubBlobs;
  readonly catalog: HubCatalog;
}

/** Adds all that the hub serves beside the links, which the server has already. */
export function addServices(server: Server, parts: ServiceParts): void {
  // Health and reflection tell of every service, themselves included.
  const served = new Set([serviceNameOf(LinkServiceService)]);
  const add = (definition: ServiceDefinition, service: UntypedServiceImplementation): void => {
    server.addService(definition, service);
    served.add(serviceNameOf(definition));
  };
  add(ChainServiceService, createChainService(parts));
  add(ApplicationServiceService, createApplicationService(parts));
  add(RegistryServiceService, createRegistryService(parts));
  add(HubServiceService, createHubService(parts));
  add(UserServiceService, createUserService(parts));
  add(CatalogServiceService, createCatalogService(parts));
  add(TaskServiceService, createTaskService(parts));
  add(BlobServiceService, createBlobService(parts));
  add(HealthService, createHealthService(parts, served));
  add(ServerReflectionService, createReflectionService(parts, served));
  add(alpha.ServerReflectionService, createReflectionService(parts, served));
}

/** A method's path is `/package.Service/Method`. */
function serviceNameOf(definition: ServiceDefinition): string {
  const [method] = Object.values(definition);
  return method?.path.split("/")[1] ?? "";
}
