// Gate: something that is to happen, and the test's way to wait for it.

export class Gate<T = void> {
  readonly opened: Promise<T>;
  private resolve: (value: T) => void = () => undefined;

  constructor() {
    this.opened = new Promise<T>((resolve) => {
      this.resolve = resolve;
    });
  }

  /** Only the first time counts. */
  open(value: T): void {
    this.resolve(value);
  }
}
