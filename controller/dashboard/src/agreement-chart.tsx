import { plotAgreement } from './agreement-plot.js';
import type { AgreementPoint } from './fleet-state.js';
import { duration, percent } from './format.js';
import { useWidth } from './use-width.js';

const height = 180;
/** Margins for the labels of the axes, in CSS pixels. */
const margin = { left: 58, right: 12, top: 10, bottom: 24 };

/** Estimated agreement and its lower bound, against the goal. */
export function AgreementChart({
  points,
  floor,
}: {
  points: readonly AgreementPoint[];
  floor: number | null;
}) {
  const [frame, outerWidth] = useWidth<HTMLElement>();
  const last = points.at(-1);
  if (!last) {
    return (
      <figure class="chart" ref={frame}>
        <p class="muted">There is no decision yet, so there is nothing to draw.</p>
      </figure>
    );
  }
  const width = Math.max(1, outerWidth - margin.left - margin.right);
  const { line, band, goalY, ticks } = plotAgreement(points, floor, width, height);
  const span = duration(last.atMs - (points[0]?.atMs ?? 0));
  const spoken = `Agreement over ${span}: now ${percent(last.agreement)}, with 95 % certainty at least ${percent(last.bound)}${
    floor === null ? '' : `; the goal is ${percent(floor)}`
  }.`;
  return (
    <figure class="chart" ref={frame}>
      <svg
        width={outerWidth}
        height={height + margin.top + margin.bottom}
        viewBox={`${-margin.left} ${-margin.top} ${outerWidth} ${height + margin.top + margin.bottom}`}
        role="img"
        aria-label={spoken}
      >
        {ticks.map(({ y, share }) => (
          <g key={share} class="tick">
            <line x1="0" x2={width} y1={y} y2={y} />
            <text x="-8" y={y + 4} text-anchor="end">
              {percent(share)}
            </text>
          </g>
        ))}
        <path class="band" d={band} />
        <path class="line" d={line} />
        {goalY !== null && <line class="goal" x1="0" x2={width} y1={goalY} y2={goalY} />}
        <text class="axis" x="0" y={height + 20}>
          {span} ago
        </text>
        <text class="axis" x={width} y={height + 20} text-anchor="end">
          last decision
        </text>
      </svg>
      <figcaption>
        <span class="mark line" aria-hidden="true" /> agreement <span class="mark band" aria-hidden="true" />{' '}
        down to its lower bound (95 % certain){' '}
        {floor !== null && (
          <>
            <span class="mark goal" aria-hidden="true" /> goal
          </>
        )}
      </figcaption>
    </figure>
  );
}
