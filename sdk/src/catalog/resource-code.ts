// Codes of resources and of their providers.
//
//   C1  A resource's code is `<classification>/<sequence>` (GB/T 21063.4, 政务信息资源代码): 类 1
//       digit, 项 2, 目 3, 细目 as many as the classification needs, then the sequence number.
//   C2  A provider's code is the unified social credit code (GB 32100): 17 characters and a check
//       character, in capitals.

const codePattern = /^(\d)(\d{2})(\d{3})(\d{0,14})\/(\d{1,10})$/;

/** 类, 项, 目, 细目: each the digits of its own part. */
export interface Classification {
  readonly category: string;
  readonly section: string;
  readonly subject: string;
  /** May be empty. */
  readonly detail: string;
}

/** Undefined when it is no code of a resource. */
export function classificationOf(code: string): Classification | undefined {
  const [, category = "", section = "", subject = "", detail = ""] = codePattern.exec(code) ?? [];
  return category === "" ? undefined : { category, section, subject, detail };
}

export function isResourceCode(code: string): boolean {
  return codePattern.test(code);
}

/** Digits and capitals without I, O, S, V and Z. */
const creditAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
const creditPattern = /^[0-9A-HJ-NPQRTUWXY]{18}$/;

/** The check character of the first 17: ISO 7064 MOD 31-3, as GB 32100 weights it. */
export function creditCheckCharacter(body: string): string {
  let sum = 0;
  let weight = 1;
  for (const character of body) {
    sum += creditAlphabet.indexOf(character) * weight;
    weight = (weight * 3) % 31;
  }
  return creditAlphabet.charAt((31 - (sum % 31)) % 31);
}

/** A directory has few providers, whose codes come again with every entry. */
const soundCodes = new Set<string>();
const soundCodesMax = 10_000;

export function isCreditCode(code: string): boolean {
  if (soundCodes.has(code)) return true;
  const isSound =
    creditPattern.test(code) && creditCheckCharacter(code.slice(0, 17)) === code.charAt(17);
  if (isSound && soundCodes.size < soundCodesMax) soundCodes.add(code);
  return isSound;
}
