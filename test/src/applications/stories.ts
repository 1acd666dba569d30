// All stories, in the order in which a shared stage plays them.

import { hotlineStories } from "./hotline-stories.ts";
import { permitStories } from "./permit-stories.ts";
import { type Branch, branches, type Story } from "./story.ts";
import { typhoonStories } from "./typhoon-stories.ts";

export const stories: readonly Story[] = [
  ...permitStories,
  ...typhoonStories,
  ...hotlineStories,
].sort((a, b) => a.startsAt.getTime() - b.startsAt.getTime());

/** The name by which an application is called: permit, typhoon or hotline. */
export function applicationOf(story: Story): string {
  if (permitStories.includes(story)) return "permit";
  return typhoonStories.includes(story) ? "typhoon" : "hotline";
}

/** Branches that no story takes. */
export function branchesMissing(played: readonly Story[]): readonly Branch[] {
  const taken = new Set(played.flatMap(({ takes }) => takes));
  return branches.filter((branch) => !taken.has(branch));
}
