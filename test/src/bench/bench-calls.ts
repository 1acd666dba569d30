// Calls of the benchmarks: what the driver may ask of the processes that it starts.

/** Closed loop: so many at once, measured in windows that follow each other without a pause. */
export interface LoopRequest {
  /** Members of a fan-out. */
  readonly n: number;
  readonly inFlight: number;
  readonly windowMs: number;
  readonly windows: number;
}

export interface WindowFigures {
  readonly perS: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface LoopAnswer {
  readonly windows: readonly WindowFigures[];
  /** All that was completed, those that were under way when the last window closed included. */
  readonly completed: number;
}

export interface Usage {
  /** User and system time of the process since its start. */
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** Synced writes of its stores since its start. */
  readonly syncs: number;
}

export interface SentFrames {
  readonly frames: number;
  readonly batches: number;
  readonly bytes: number;
  readonly ms: number;
}

interface Place {
  /** Directory with `identity` and room for the store. */
  readonly directory: string;
}

interface Dialling extends Place {
  /** host:port of the process that listens. */
  readonly target: string;
}

type Call<Request, Answer> = { readonly request: Request; readonly answer: Answer };
type Nothing = Readonly<Record<string, never>>;

export interface BenchCalls {
  readonly usage: Call<{ readonly collect: boolean }, Usage>;

  /** `passwordLogN` as in `HubOptions`. */
  readonly openHub: Call<
    Place & { readonly passwordLogN?: number | undefined },
    { readonly target: string }
  >;
  readonly openAgent: Call<Dialling, Nothing>;
  readonly openClient: Call<Dialling, Nothing>;
  readonly runChains: Call<LoopRequest, LoopAnswer>;

  /** Signs so many people in and opens so many tasks; resolves when all of them are offered. */
  readonly openClerks: Call<
    Dialling & { readonly clerks: number; readonly tasks: number },
    { readonly offered: number }
  >;
  readonly readPages: Call<{ readonly ms: number }, WindowFigures>;
  /** Every clerk claims one task after another until so many are claimed. */
  readonly claimTasks: Call<
    { readonly count: number },
    { readonly claims: number; readonly doubleClaims: number; readonly ms: number }
  >;

  /** Children of one hub, each with a directory that is empty yet. */
  readonly openCatalogs: Call<{ readonly count: number }, Nothing>;
  /** Publishes so many entries; once linked, resolves when the hub has them all. */
  readonly growCatalogs: Call<
    { readonly entries: number },
    { readonly entries: number; readonly ms: number }
  >;
  /**
   * Links all of them, anew if they are linked, and resolves when the hub has everything. `ms`:
   * from the first dial on, handshakes included. `messagesMax`: catalog messages of one link.
   */
  readonly linkCatalogs: Call<
    {
      readonly target: string;
      readonly directories: readonly string[];
      readonly operator: string;
    },
    { readonly entries: number; readonly ms: number; readonly messagesMax: number }
  >;
  readonly reviseCatalogs: Call<
    { readonly perS: number; readonly ms: number },
    { readonly revised: number }
  >;
  readonly searchCatalog: Call<
    { readonly ms: number; readonly broad: boolean },
    WindowFigures & { readonly hits: number }
  >;

  readonly openFloorHub: Call<Place, { readonly target: string }>;
  readonly openFloorAgent: Call<Dialling, Nothing>;
  readonly openFloorClient: Call<Dialling, Nothing>;
  readonly runFloor: Call<LoopRequest, LoopAnswer>;

  readonly openLinkSink: Call<Place, { readonly target: string }>;
  readonly openLinkSource: Call<Dialling, Nothing>;
  readonly sendFrames: Call<{ readonly ms: number }, SentFrames>;
  /** Resolves when all of them are linked. */
  readonly openIdleLinks: Call<
    { readonly target: string; readonly directories: readonly string[] },
    Nothing
  >;
  readonly countLinks: Call<Nothing, { readonly links: number }>;

  readonly openStreamSink: Call<Place, { readonly target: string }>;
  readonly openStreamSource: Call<Dialling, Nothing>;
  readonly sendMessages: Call<
    { readonly bytes: number; readonly ms: number },
    { readonly messages: number; readonly ms: number }
  >;

  readonly syncBatches: Call<
    { readonly directory: string; readonly rows: number; readonly ms: number },
    { readonly batches: number; readonly ms: number }
  >;
}

export type CallName = keyof BenchCalls;

export type CallTable = {
  readonly [Name in CallName]: (
    request: BenchCalls[Name]["request"],
  ) => Promise<BenchCalls[Name]["answer"]> | BenchCalls[Name]["answer"];
};

export interface AskMessage {
  readonly id: number;
  readonly name: CallName;
  readonly request: unknown;
}

export interface AnswerMessage {
  readonly id: number;
  readonly answer?: unknown;
  readonly failure?: string;
}
