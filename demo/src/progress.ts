// Progress: one live line on a terminal, a line per step elsewhere. Always on stderr.

export interface Progress {
  /** Replaces the present line. */
  show(text: string): void;
  /** Ends the present line with this text. */
  settle(text: string): void;
}

export function createProgress(stream: NodeJS.WriteStream): Progress {
  const isLive = stream.isTTY === true;
  return {
    show: (text) => {
      if (isLive) stream.write(`\r\u001b[2K${text}`);
    },
    settle: (text) => {
      stream.write(isLive ? `\r\u001b[2K${text}\n` : `${text}\n`);
    },
  };
}

const barCells = 30;

/** `[#####.....] 812 / 2120`. */
export function progressBar(done: number, total: number): string {
  const filled = total === 0 ? 0 : Math.round((barCells * done) / total);
  return `[${"#".repeat(filled)}${".".repeat(barCells - filled)}] ${done} / ${total}`;
}
