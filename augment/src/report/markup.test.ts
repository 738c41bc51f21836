import { expect, test } from 'vitest';
import { markup, trusted } from './markup.js';

test('texts are escaped, markup is not, lists are joined and null is left out', () => {
  const name = `<b>"a" & 'b'</b>`;
  const items = [1, 2].map((i) => markup`<li>${i}</li>`);
  expect(markup`<p title="${name}">${items}${null}${trusted('<br>')}</p>`.text).toBe(
    '<p title="&#60;b&#62;&#34;a&#34; &#38; &#39;b&#39;&#60;/b&#62;"><li>1</li><li>2</li><br></p>',
  );
});
