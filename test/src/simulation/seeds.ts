// Regression seeds: each one found a mistake once. They run first, in every run. A seed keeps its
// meaning only as long as scenarios.ts and faults.ts draw the same; whoever changes those puts the
// mistakes back one by one and looks for new seeds.

export const regressionSeeds: readonly { readonly seed: number; readonly found: string }[] = [
  { seed: 5, found: "facts of one commit were replayed at one time, so due times differed (I13)" },
  { seed: 113, found: "work was offered again after its fan-out was withdrawn or cancelled" },
  { seed: 45, found: "work accepted by a node that was away by then had no end of its lease" },
  { seed: 71, found: "the deadline of a fan-out took a chain out of its cancellation" },
  { seed: 65, found: "a frame durable during the handshake was never acknowledged" },
  { seed: 110, found: "work that moved to another node went on at the first one for ever" },
  { seed: 91, found: "a node whose instruction was given up was not told and kept working" },
  { seed: 80, found: "positions of a hub's earlier store made its new one report amnesia" },
  { seed: 332, found: "the grace of a lease was missing in the row of its checkpoint (I13)" },
  { seed: 12, found: "an agent's count of endings went back after a checkpoint (I13)" },
];
