import type { Profile, ProfileContext, ProfileFrame } from './profile.js';

/** A process has few frames, each in many contexts and all its profiles, and their texts are most of a file. */
const frameTexts = new WeakMap<ProfileFrame, string>();

/**
 * A profile as the text of its file: what JSON.stringify gives, but each frame is put into words once in its life.
 * Cost: some microseconds a context.
 */
export function profileText(profile: Profile): string {
  const { contexts, ...rest } = profile;
  // The last key, so that it can be left open; a reader asks for no order.
  const head = JSON.stringify(rest).slice(0, -1);
  return `${head},"contexts":[${contexts.map(contextText).join(',')}]}`;
}

function contextText({ frames, ...rest }: ProfileContext): string {
  return `{"frames":[${frames.map(frameText).join(',')}],${JSON.stringify(rest).slice(1)}`;
}

function frameText(frame: ProfileFrame): string {
  let text = frameTexts.get(frame);
  if (text === undefined) {
    text = JSON.stringify(frame);
    frameTexts.set(frame, text);
  }
  return text;
}
