// Entry of the process that opens damaged stores: LevelDB may end it, so it is not the driver.

import { askEverything, type Questions } from "./questions.ts";

process.on("message", (questions: Questions) => {
  askEverything(questions).then(
    (answered) => process.send?.(answered),
    (error: unknown) => process.send?.({ kind: "crashed", message: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
