/** What a quiver process says to its caller when it ends (see docs/exit-codes.md). */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  changesPending: 3,
  refused: 4,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface QuiverErrorInit {
  /** Stable identifier in SCREAMING_SNAKE case; programs match on it. */
  code: string;
  message: string;
  /** What the user can do next: a sentence or a command to paste. */
  fix: string;
  /** @default EXIT.failed */
  exit?: ExitCode;
  cause?: unknown;
}

/**
 * A failure that we expect and can explain. Anything else that is thrown is our own bug and shows its stack.
 */
export class QuiverError extends Error {
  override readonly name = 'QuiverError';
  readonly code: string;
  readonly fix: string;
  readonly exit: ExitCode;

  constructor(init: QuiverErrorInit) {
    super(init.message, init.cause === undefined ? undefined : {cause: init.cause});
    this.code = init.code;
    this.fix = init.fix;
    this.exit = init.exit ?? EXIT.failed;
  }
}
