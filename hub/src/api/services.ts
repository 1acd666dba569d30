// Services: what a hub offers over gRPC beside its links (协同能力服务).

import {
  ApplicationServiceService,
  ChainServiceService,
  HubServiceService,
  RegistryServiceService,
  UserServiceService,
} from "@cloudbrain/proto";
import type { NodeDescription } from "@cloudbrain/sdk/domain";
import type { Journal } from "@cloudbrain/sdk/journal";
import type { Server } from "@grpc/grpc-js";
import type { HubDriver } from "../driver.ts";
import type { HubEvent, HubKernel, HubOutput } from "../kernel/index.ts";
import type { HubLinks } from "../links/hub-links.ts";
import type { History } from "../storage/history.ts";
import type { PasswordProcess } from "../users/password-process.ts";
import type { CallHost } from "./calls.ts";
import { createChainService } from "./chain-service.ts";
import type { ChainWatch } from "./chain-watch.ts";
import {
  createApplicationService,
  createHubService,
  createRegistryService,
} from "./management-services.ts";
import { createUserService } from "./user-service.ts";

export interface ServiceParts {
  readonly driver: HubDriver;
  readonly kernel: HubKernel;
  readonly history: History;
  readonly watch: ChainWatch;
  readonly links: HubLinks;
  readonly description: NodeDescription;
  readonly journal: Journal<HubEvent, HubOutput>;
  readonly startedAtMs: number;
  readonly calls: CallHost;
  readonly passwords: PasswordProcess;
}

export function addServices(server: Server, parts: ServiceParts): void {
  server.addService(ChainServiceService, createChainService(parts));
  server.addService(ApplicationServiceService, createApplicationService(parts));
  server.addService(RegistryServiceService, createRegistryService(parts));
  server.addService(HubServiceService, createHubService(parts));
  server.addService(UserServiceService, createUserService(parts));
}
