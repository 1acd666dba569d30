// Password rules: what a new password must be. After NIST SP 800-63B: a length, and none of those
// that everybody tries first; no rules of composition, which make passwords that are forgotten.

import { limits, MeshError } from "@cloudbrain/sdk/domain";

/**
 * Of at least ten characters, in lower case: what leaked lists of passwords begin with, worldwide
 * and in China. Shorter ones fail by their length.
 */
const commonest: ReadonlySet<string> = new Set([
  "0123456789",
  "01234567890",
  "1q2w3e4r5t",
  "1q2w3e4r5t6y",
  "1qaz2wsx3edc",
  "1qazxsw23edc",
  "1234567890",
  "12345678900",
  "12345678910",
  "123456789a",
  "123456789q",
  "1234567891",
  "0987654321",
  "9876543210",
  "123123123123",
  "123321123321",
  "123456123456",
  "147258369147",
  "147258369a",
  "5201314520",
  "5211314521",
  "a1234567890",
  "a123456789",
  "aa123456789",
  "abc123456789",
  "abcd123456",
  "abcd1234567",
  "abcdefghij",
  "admin12345",
  "admin123456",
  "administrator",
  "asd123456789",
  "asdfghjkl123",
  "changeme123",
  "cloudbrain",
  "cloudbrain123",
  "iloveyou123",
  "letmein123",
  "p@ssw0rd123",
  "passw0rd123",
  "password12",
  "password123",
  "password1234",
  "password12345",
  "q123456789",
  "q1w2e3r4t5",
  "q1w2e3r4t5y6",
  "qazwsxedcrfv",
  "qq123456789",
  "qwe123456789",
  "qwertyuiop",
  "qwertyuiop123",
  "qwerty12345",
  "qwerty123456",
  "welcome123",
  "woaini1314",
  "woaini123456",
  "woaini520520",
  "woaini5201314",
  "z123456789",
  "zxcvbnm123",
  "zxcvbnm123456",
]);

/** Refuses with INPUT_INVALID, saying what to choose instead. */
export function checkNewPassword(password: string, account: string): void {
  const length = [...password].length;
  if (length < limits.passwordCharsMin || length > limits.passwordCharsMax) {
    const { passwordCharsMin: min, passwordCharsMax: max } = limits;
    refuse(`it must have ${min} to ${max} characters`);
  }
  const plain = password.normalize("NFKC").toLowerCase();
  if (plain === account) refuse("it must not be the name of the account");
  if (commonest.has(plain) || new Set(plain).size === 1) {
    refuse(
      "it is one of those that everybody tries first; three words that do not belong together",
    );
  }
}

/** A longer one can't be right, and costs nothing. */
export function checkGivenPassword(password: string): void {
  if (password.length <= 2 * limits.passwordCharsMax) return;
  refuse(`it has more than ${limits.passwordCharsMax} characters`);
}

function refuse(detail: string): never {
  throw new MeshError("INPUT_INVALID", { subject: "password", detail });
}
