// Facts about applications as a hub manages them: states, pins and registrations.

import type {
  Address,
  Application,
  RegistrationContent,
  RegistrationReport,
} from "@cloudbrain/sdk/domain";
import type { ApplicationState } from "./application-state.ts";

export type ApplicationFact =
  | {
      readonly t: "published";
      readonly application: Application;
      /** These came later: a version without them is published, by whom is not known. */
      readonly source?: string;
      readonly sourceHash?: string;
      readonly publisher?: string;
    }
  | {
      readonly t: "applicationStateSet";
      readonly id: string;
      readonly version: string;
      readonly state: ApplicationState;
      readonly setter: string;
    }
  /** An empty version lets the newest be the current one again. */
  | {
      readonly t: "applicationPinned";
      readonly id: string;
      readonly version: string;
      readonly setter: string;
    };

export type RegistrationFact =
  | ({
      readonly t: "registrationOpened";
      /** Absent at the origin. */
      readonly upstream?: Address;
    } & RegistrationContent)
  | {
      readonly t: "registrationSent";
      readonly registration: string;
      readonly children: readonly Address[];
    }
  | {
      readonly t: "registrationAnswered";
      readonly registration: string;
      readonly child: Address;
      readonly report: RegistrationReport;
    }
  | {
      readonly t: "registrationReported";
      readonly registration: string;
      readonly report: RegistrationReport;
    }
  | { readonly t: "registrationWithdrawn"; readonly registration: string };
