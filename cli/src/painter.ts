import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];
/** Gives a text a style, or leaves it as it is. */
export type Painter = (style: Style, text: string) => string;

/** @param styled whether the text is for a terminal with colour */
export function painter(styled: boolean): Painter {
  return (style, text) => (styled ? styleText(style, text, { validateStream: false }) : text);
}

/** Whether standard output is a terminal whose user wants colour. */
export function outputIsStyled(): boolean {
  return process.stdout.isTTY === true && !process.env.NO_COLOR;
}

/** Columns of the terminal; 100 where there is none. */
export function outputWidth(): number {
  return process.stdout.columns || 100;
}

/** Columns of the terminal; `null` where standard output is none. */
export function terminalWidth(): number | null {
  return process.stdout.isTTY ? outputWidth() : null;
}
