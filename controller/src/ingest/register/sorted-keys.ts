/** Distinct strings in ascending order. */
export class SortedKeys {
  private readonly keys: string[] = [];

  get length(): number {
    return this.keys.length;
  }

  at(index: number): string {
    return this.keys[index] as string;
  }

  add(key: string): void {
    this.keys.splice(this.indexAfter(key), 0, key);
  }

  /** @param key an existing key */
  remove(key: string): void {
    this.keys.splice(this.indexAfter(key) - 1, 1);
  }

  /** Index of the first key that comes after this one. */
  indexAfter(key: string): number {
    let low = 0;
    let high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.at(middle) <= key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
