// Regression seeds: each one found a mistake once. They run first, in every run. A seed keeps its
// meaning only as long as scenarios.ts and faults.ts draw the same; whoever changes those puts the
// mistakes back one by one and looks for new seeds.

interface RegressionSeed {
  readonly seed: number;
  readonly found: string;
  /** Found before chains corrected themselves: it draws the plain applications of then. */
  readonly plain?: true;
}

export const regressionSeeds: readonly RegressionSeed[] = [
  {
    seed: 5,
    found: "facts of one commit were replayed at one time, so due times differed (I13)",
    plain: true,
  },
  {
    seed: 113,
    found: "work was offered again after its fan-out was withdrawn or cancelled",
    plain: true,
  },
  {
    seed: 45,
    found: "work accepted by a node that was away by then had no end of its lease",
    plain: true,
  },
  {
    seed: 71,
    found: "the deadline of a fan-out took a chain out of its cancellation",
    plain: true,
  },
  { seed: 65, found: "a frame durable during the handshake was never acknowledged", plain: true },
  {
    seed: 110,
    found: "work that moved to another node went on at the first one for ever",
    plain: true,
  },
  {
    seed: 91,
    found: "a node whose instruction was given up was not told and kept working",
    plain: true,
  },
  {
    seed: 80,
    found: "positions of a hub's earlier store made its new one report amnesia",
    plain: true,
  },
  {
    seed: 332,
    found: "the grace of a lease was missing in the row of its checkpoint (I13)",
    plain: true,
  },
  {
    seed: 12,
    found: "an agent's count of endings went back after a checkpoint (I13)",
    plain: true,
  },
  {
    seed: 832,
    found: "a member that goes on after its result was taken for one of an ended chain (C3)",
  },
  { seed: 2827, found: "a part that undoes was done though a hub below had not told of it (I11)" },
  { seed: 1479, found: "who worked outside showed no sign of life where heartbeats were asked" },
  { seed: 452, found: "an old copy that its hub had taken was replaced by the bytes from before" },
  { seed: 1612, found: "work of a hub that began anew went on at an agent for ever" },
  {
    seed: 243,
    found:
      "a member undone after its revision had overtaken its first answer counted as never done",
  },
  { seed: 372, found: "the same of a member that answered after its finish deadline" },
  { seed: 10315, found: "a retry forgot who was still being undone at the deadline (I11)" },
  { seed: 1802, found: "a hub that began anew was asked again for what had its result (I10)" },
  { seed: 1035, found: "the same at the origin" },
];
