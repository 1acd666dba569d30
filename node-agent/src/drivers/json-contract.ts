// JSON contract: the contract of a capability whose output a JSON Schema describes.

import { createValidate } from "@cloudbrain/sdk/definition";
import type { JsonValue } from "@cloudbrain/sdk/domain";
import { type InstructionContract, instruction } from "@cloudbrain/sdk/node";

interface JsonSchemaCheck {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: "cloudbrain";
    readonly validate: (
      value: unknown,
    ) => { readonly value: unknown } | { readonly issues: readonly { readonly message: string }[] };
    readonly types?: { readonly input: unknown; readonly output: unknown };
  };
}

export type JsonContract = InstructionContract<JsonSchemaCheck, JsonSchemaCheck>;

const validate = createValidate();

/** Values are JSON already. Without a schema any output is right. */
export function createJsonContract(name: string, output: JsonValue | undefined): JsonContract {
  const feedback = output === undefined ? anything : createCheck(output);
  return instruction(name, { input: anything, feedback });
}

const anything: JsonSchemaCheck = createStandard((value) => ({ value }));

function createCheck(schema: JsonValue): JsonSchemaCheck {
  return createStandard((value) => {
    const wrong = validate(schema, value as JsonValue);
    return wrong === undefined ? { value } : { issues: [{ message: wrong }] };
  });
}

function createStandard(check: JsonSchemaCheck["~standard"]["validate"]): JsonSchemaCheck {
  return { "~standard": { version: 1, vendor: "cloudbrain", validate: check } };
}
