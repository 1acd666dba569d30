// Report: what a community answers in the drill. Made up from its division code, so that the exact
// sum over any set of communities is known without asking the mesh.

export interface CommunityReport {
  readonly evacuated: number;
  readonly stranded: number;
  readonly shelters: number;
  readonly waterLevelCm: number;
}

/** Made-up figures of plausible size; the same for the same code in every run. */
export function makeReport(code: string): CommunityReport {
  let hash = 2_166_136_261;
  for (const digit of code) hash = Math.imul(hash ^ digit.charCodeAt(0), 16_777_619) >>> 0;
  return {
    evacuated: hash % 400,
    stranded: hash % 17 === 0 ? hash % 9 : 0,
    shelters: 1 + (hash % 3),
    waterLevelCm: (hash >>> 8) % 120,
  };
}

export function expectedEvacuated(codes: Iterable<string>): number {
  let sum = 0;
  for (const code of codes) sum += makeReport(code).evacuated;
  return sum;
}
