// Requests about applications as a hub manages them.

import type { Application } from "@cloudbrain/sdk/domain";
import type { ApplicationState } from "./application-state.ts";

export type ApplicationEvent =
  | {
      readonly type: "publish";
      readonly request: number;
      readonly application: Application;
      /** The text that people wrote and its sha256; absent: the text is not kept. */
      readonly source?: string;
      readonly sourceHash?: string;
      readonly publisher?: string;
    }
  | {
      readonly type: "setApplicationState";
      readonly request: number;
      readonly id: string;
      readonly version: string;
      readonly state: ApplicationState;
      readonly setter: string;
    }
  | {
      readonly type: "rollBack";
      readonly request: number;
      readonly id: string;
      /** Empty: the newest again. */
      readonly version: string;
      readonly setter: string;
    };
