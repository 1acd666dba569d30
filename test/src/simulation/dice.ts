// Dice of the simulation: those of the testing kit, which also pick from lists.

import { Dice as KitDice } from "@cloudbrain/sdk/internal/testing/dice";

export { hashText } from "@cloudbrain/sdk/internal/testing/dice";

export class Dice extends KitDice {
  pick<Item>(tag: string, node: string, items: readonly Item[]): Item {
    const item = items[Math.floor(this.roll(tag, node) * items.length)];
    if (item === undefined) throw new Error(`nothing to pick from: ${tag}`);
    return item;
  }
}
