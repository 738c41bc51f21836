/** Reports the start and the end of an outage once each. */
export class OutageNotice {
  private cutOff = false;

  /** @param tell gets a line without line break */
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
