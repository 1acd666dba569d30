// Catalog entries: what the catalog says of a resource (the core metadata of GB/T 21063.3).
//
// Plain values; `entry-checks.ts` says which of them are fit to be published, `entry-codec.ts`
// makes bytes of them.

import type { Title } from "../domain/index.ts";

export const resourceKinds = ["infrastructure", "data", "component", "application"] as const;
export type ResourceKind = (typeof resourceKinds)[number];

/** 无条件共享, 有条件共享, 不予共享. */
export const sharingTypes = ["unconditional", "conditional", "notShared"] as const;
export type SharingType = (typeof sharingTypes)[number];

export const updateCycles = [
  "realtime",
  "daily",
  "weekly",
  "monthly",
  "quarterly",
  "yearly",
  "irregular",
] as const;
export type UpdateCycle = (typeof updateCycles)[number];

/** What follows in the life of an entry, its withdrawal, is no state: the entry is gone then. */
export const resourceStates = ["draft", "published", "suspended"] as const;
export type ResourceState = (typeof resourceStates)[number];

/** Types of items of information. */
export const itemTypes = [
  "string",
  "integer",
  "number",
  "boolean",
  "date",
  "time",
  "timestamp",
  "binary",
  "geometry",
  "object",
] as const;
export type ItemType = (typeof itemTypes)[number];

/** 信息项. */
export interface ResourceItem {
  readonly name: string;
  readonly type: ItemType;
  /** Longest value in characters or bytes; 0 where it has no bound. */
  readonly length: number;
  /** Whether it holds what must be protected, such as an identity number. */
  readonly sensitive: boolean;
}

export interface ResourceProvider {
  readonly name: string;
  /** Unified social credit code, 18 characters (GB 32100). */
  readonly code: string;
}

/** Where it is offered, never with which secret. */
export interface ResourceEndpoint {
  /** Such as https, grpc, rtsp or s3. */
  readonly protocol: string;
  readonly address: string;
}

export interface InfrastructureDetails {
  /** Equal units of computing, storage or sensing. */
  readonly units: readonly {
    readonly type: string;
    readonly model: string;
    readonly count: number;
  }[];
  /** Cameras and other sensors with a place, in degrees of WGS 84. */
  readonly cameras: readonly {
    readonly id: string;
    readonly name: string;
    readonly longitude: number;
    readonly latitude: number;
  }[];
}

export interface DataDetails {
  readonly tables: readonly { readonly name: string; readonly rows: number }[];
  /** `sha256` in lower-case hex, or empty. */
  readonly files: readonly {
    readonly name: string;
    readonly bytes: number;
    readonly sha256: string;
  }[];
}

export interface ComponentDetails {
  /** Schemas are JSON Schema as text, or empty. */
  readonly methods: readonly {
    readonly name: string;
    readonly inputSchema: string;
    readonly outputSchema: string;
  }[];
  readonly healthUrl: string;
}

export interface ApplicationDetails {
  readonly entryUrl: string;
  readonly version: string;
}

/** What an owner writes. */
export interface ResourceDescription {
  /** `<classification>/<sequence>`. */
  readonly code: string;
  readonly kind: ResourceKind;
  readonly name: Title;
  readonly provider: ResourceProvider;
  readonly abstract: string;
  readonly format: string;
  readonly items: readonly ResourceItem[];
  readonly sharing: SharingType;
  /** There for conditional sharing, and for none as its reason. */
  readonly sharingConditions: string;
  readonly sharingWay: string;
  /** Open to society. */
  readonly open: boolean;
  readonly opennessConditions: string;
  readonly updateCycle: UpdateCycle;
  /** YYYY-MM-DD. */
  readonly publishedOn: string;
  readonly relatedCodes: readonly string[];
  /** Address of the highest hub that may see it; empty for all. */
  readonly visibleUpTo: string;
  readonly endpoints: readonly ResourceEndpoint[];
  readonly version: string;
  readonly state: ResourceState;
  /** Each belongs to the kind of its name. */
  readonly infrastructure?: InfrastructureDetails | undefined;
  readonly data?: DataDetails | undefined;
  readonly component?: ComponentDetails | undefined;
  readonly application?: ApplicationDetails | undefined;
}

/** What the owner's node adds: where the owner stands, and when it wrote. */
export interface OwnerStamp {
  readonly level: string;
  readonly division: string;
  readonly industry: string;
  readonly region: string;
  /** ms since 1970, by the owner's clock. */
  readonly changedAtMs: number;
}

export interface CatalogEntry extends ResourceDescription, OwnerStamp {}

/** What may be left out of a description, and what it is then. */
export interface ResourceDraft
  extends Pick<
      ResourceDescription,
      "code" | "kind" | "name" | "provider" | "abstract" | "sharing" | "updateCycle" | "publishedOn"
    >,
    Partial<
      Omit<
        ResourceDescription,
        | "code"
        | "kind"
        | "name"
        | "provider"
        | "abstract"
        | "sharing"
        | "updateCycle"
        | "publishedOn"
        | "items"
      >
    > {
  readonly items?: readonly (Pick<ResourceItem, "name" | "type"> & Partial<ResourceItem>)[];
}

/** Declares a resource; what is left out is empty, and its state `published`. Checks nothing. */
export function resource(draft: ResourceDraft): ResourceDescription {
  const { items = [], ...rest } = draft;
  return {
    format: "",
    sharingConditions: "",
    sharingWay: "",
    open: false,
    opennessConditions: "",
    relatedCodes: [],
    visibleUpTo: "",
    endpoints: [],
    version: "",
    state: "published",
    ...rest,
    items: items.map((item) => ({ length: 0, sensitive: false, ...item })),
  };
}
