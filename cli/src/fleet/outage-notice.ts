/** Tells once that what is followed is cut off, and once that it goes on. */
export class OutageNotice {
  private cutOff = false;

  /** @param tell gets a line, without its break */
  constructor(private readonly tell: (line: string) => void) {}

  failed(problem: string): void {
    if (!this.cutOff) this.tell(`cut off: ${problem}; asking again`);
    this.cutOff = true;
  }

  answered(): void {
    if (this.cutOff) this.tell('going on');
    this.cutOff = false;
  }
}
