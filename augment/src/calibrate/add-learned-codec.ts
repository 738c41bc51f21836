import type { Bundle, BundleContents } from '@offramp/bundle';
import type { Dataset } from '@offramp/data';
import { type CodecMode, type LearnCodecOptions, learnCodec, learnsCodec } from '../codec/learn-codec.js';
import type { LearnedCandidate } from '../codec/learned-candidates.js';
import { chooseLearned, type LearnedOptions } from './choose-learned.js';
import type { ChosenThresholds } from './choose-thresholds.js';
import { LearnedTrial } from './learned-trial.js';

export interface AddCodecOptions extends LearnCodecOptions, Omit<LearnedOptions, 'always'> {
  mode: CodecMode;
  /** Told why there is no codec where one was asked for. */
  onRemark?: ((remark: string) => void) | undefined;
}

/** What a bundle contains with the codec. */
export interface WithLearnedCodec {
  contents: BundleContents;
  /** `null`: thresholds and table are as they were. */
  chosen: ChosenThresholds | null;
}

/**
 * Trains a codec for the default boundary of a bundle, and adds it where fewer bytes are sent with it in all.
 * @param bundle with these contents, as far as they determine answers
 * @param data `heldOut`: the samples that the bundle was calibrated on
 * @throws OfframpError as {@link learnCodec} and {@link chooseLearned}
 */
export async function addLearnedCodec(
  bundle: Bundle,
  contents: BundleContents,
  { training, heldOut }: { training: Dataset; heldOut: Dataset },
  options: AddCodecOptions,
): Promise<WithLearnedCodec> {
  const { mode, onRemark } = options;
  if (!learnsCodec(bundle, mode)) return { contents, chosen: null };
  const trained = await learnCodec(bundle, contents.deviceStages, training, options);
  if (trained.length === 0 && mode === 'learned') {
    onRemark?.('no codec is learned: an encoder would cost too much');
  }
  const added = await chooseCodec(bundle, contents, heldOut, trained, options);
  if (trained.length > 0 && !added.contents.stages[contents.deviceStages - 1]?.learned) {
    onRemark?.(
      'the learned codec is not used: behind it, the goal is not reached with fewer bytes; train it longer (--epochs), or ask for less agreement',
    );
  }
  return added;
}

/**
 * Chooses among trained codecs and the one that the contents have.
 * @param behindOwn whether the contents' table was recorded behind their codec
 */
export async function chooseCodec(
  bundle: Bundle,
  contents: BundleContents,
  heldOut: Dataset,
  trained: readonly LearnedCandidate[],
  options: Omit<LearnedOptions, 'always'> & { mode: CodecMode },
  behindOwn = true,
): Promise<WithLearnedCodec> {
  const { deviceStages, stages, calibration } = contents;
  const own = stages[deviceStages - 1]?.learned;
  const candidates = own ? [...trained, own] : trained;
  if (candidates.length === 0) return { contents, chosen: null };
  const behind =
    own && behindOwn
      ? await LearnedTrial.open(own, deviceStages, stages[deviceStages]?.inputShape ?? [])
      : null;
  try {
    const samples = { dataset: heldOut, table: calibration, behind };
    const always = options.mode === 'learned';
    const choice = await chooseLearned(bundle, contents, candidates, samples, { ...options, always });
    if (!choice.learned && !own) return { contents, chosen: null };
    return { contents: withChoice(contents, choice), chosen: choice.chosen };
  } finally {
    await behind?.close();
  }
}

function withChoice(
  contents: BundleContents,
  { learned, table, chosen }: Awaited<ReturnType<typeof chooseLearned>>,
): BundleContents {
  const { thresholds, agreement: targetAgreement } = chosen;
  return {
    ...contents,
    stages: contents.stages.map(({ learned: before, ...stage }, i) => {
      const found = i === contents.deviceStages - 1 ? learned : before;
      return found ? { ...stage, learned: found } : stage;
    }),
    policy: { ...contents.policy, thresholds, targetAgreement },
    calibration: table,
  };
}
