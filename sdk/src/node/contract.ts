// Contracts: what a provider and its callers share. Pure data; nothing connects at import.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Title } from "../domain/index.ts";

/** What a handler sees after validation, and what it must give. */
export type InputOf<Schema extends StandardSchemaV1> = StandardSchemaV1.InferOutput<Schema>;
export type ArgumentOf<Schema extends StandardSchemaV1> = StandardSchemaV1.InferInput<Schema>;

export interface InstructionContract<
  Input extends StandardSchemaV1,
  Feedback extends StandardSchemaV1,
> {
  readonly kind: "instruction";
  /** As steps of applications name it in `match.capability`, such as `drainage.clear/v1`. */
  readonly name: string;
  readonly title?: Title | undefined;
  /** Any Standard Schema validator: zod, valibot, arktype, ... */
  readonly input: Input;
  readonly feedback: Feedback;
}

export interface CapabilityContract<
  Input extends StandardSchemaV1,
  Output extends StandardSchemaV1,
> {
  readonly kind: "capability";
  /** As steps of applications name it in `match.capability`, such as `pump.dispatch/v1`. */
  readonly name: string;
  readonly title?: Title | undefined;
  /** Any Standard Schema validator: zod, valibot, arktype, ... */
  readonly input: Input;
  readonly output: Output;
}

/** Declares an instruction with the schemas of its input and its feedback. */
export function instruction<Input extends StandardSchemaV1, Feedback extends StandardSchemaV1>(
  name: string,
  options: { readonly title?: Title; readonly input: Input; readonly feedback: Feedback },
): InstructionContract<Input, Feedback> {
  return { kind: "instruction", name, ...options };
}

/**
 * Declares a capability with the schemas of its input and its output. A chain uses it by an
 * instruction, so that a provider is reached like the handler of one: durably, and counted once.
 */
export function capability<Input extends StandardSchemaV1, Output extends StandardSchemaV1>(
  name: string,
  options: { readonly title?: Title; readonly input: Input; readonly output: Output },
): CapabilityContract<Input, Output> {
  return { kind: "capability", name, ...options };
}
