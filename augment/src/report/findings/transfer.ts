import { deviationsApart } from '../binomial-interval.js';
import { integer, percent } from '../format.js';
import type { Check } from './finding.js';

/** Standard deviations beyond which a difference is significant. */
const noiseDeviations = 3;
/** Smaller differences do not matter, however certain. */
const smallestAgreement = 0.005;
const smallestShare = 0.03;

/** Whether the shipped thresholds behave here as on the pictures that they were chosen on. */
export const checkTransfer: Check = ({ shipped, samples, heldOut }) => {
  const differs = (here: number, there: number, smallest: number) =>
    Math.abs(here - there) >= smallest &&
    Math.abs(deviationsApart({ share: here, trials: samples }, { share: there, trials: heldOut.samples })) >
      noiseDeviations;
  const compare = (here: number, there: number) => `${percent(here, 2)} here, ${percent(there, 2)} there`;

  const agreementDiffers = differs(shipped.agreement, heldOut.shipped.agreement, smallestAgreement);
  const shares = shipped.exitShares.flatMap((share, exit): [string, string][] => {
    const there = heldOut.shipped.exitShares[exit] as number;
    const name = exit === shipped.exitShares.length - 1 ? 'exit at the final one' : `exit at ${exit}`;
    return differs(share, there, smallestShare) ? [[name, compare(share, there)]] : [];
  });
  if (!agreementDiffers && shares.length === 0) return [];
  const worse = shipped.agreement < heldOut.shipped.agreement;
  return [
    {
      kind: 'transfer',
      grade: agreementDiffers && worse ? 'problem' : 'hint',
      exit: null,
      title: agreementDiffers
        ? `The thresholds do not transfer: these data agree ${worse ? 'less' : 'more'} than the held-out samples, which chance does not explain.`
        : 'These data take other exits than the held-out samples, which chance does not explain; agreement is the same.',
      evidence: [
        ['agreement', compare(shipped.agreement, heldOut.shipped.agreement)],
        ...shares,
        ['samples', `${integer(samples)} here, ${integer(heldOut.samples)} there`],
      ],
      advice: [
        'Calibrate on other data: augment again, and hold out samples from where the bundle will run, on which the backbone was not trained.',
        ...(worse
          ? ['First look for a difference in preprocessing: crop, scale, colour order, compression.']
          : ['If these are samples that the branches were trained on, evaluate on others.']),
      ],
    },
  ];
};
