import { maxThreshold } from '@offramp/contracts';
import { z } from 'zod';
import { elementsOf } from '../shape.js';
import { fileSchema, sha256 } from './bundle-file.js';
import { inputProblems, inputSchema } from './input-schema.js';
import { learnedCodecSchema } from './learned-codec.js';
import { parseBundleJson } from './parse-json.js';
import { bounded, dimension } from './shape-schema.js';

const count = z.number().int().nonnegative();
const shape = bounded(z.array(dimension).min(1).max(8));

/** Body kinds: `pool` has no convolution, `conv1` to `conv3` have that many blocks of [conv 3×3, batch norm, ReLU]. */
export const bodyKinds = ['pool', 'conv1', 'conv2', 'conv3'] as const;
/** How the first convolution of a body is made cheaper. */
export const bodyReductions = ['none', 'stride', 'pool', 'depthwise'] as const;
/** What the `confidence` output of a stage is. */
export const exitCriteria = ['confidence', 'max-softmax', 'entropy'] as const;

const branchSchema = z.strictObject({
  /** The tensor of the backbone at which the branch is attached. */
  cutPoint: z.string(),
  /** The layers before the two heads. */
  body: z.strictObject({
    kind: z.enum(bodyKinds),
    /** The body's output is average-pooled to `grid`×`grid` positions. */
    grid: z.number().int().positive(),
    reduce: z.enum(bodyReductions).default('none'),
  }),
  /** Whether the class head also sees the previous exit's answer. */
  reuse: z.boolean().default(false),
  criterion: z.enum(exitCriteria).default('confidence'),
  /** Multiply-accumulates of the whole branch for one sample. */
  macs: count,
  parameters: count,
});

/** How an activation is encoded for the wire; see `shared/bundle/src/codec`. */
export const activationEncodings = [
  'float32',
  'float16',
  'int8',
  'int4',
  'float32+deflate',
  'float16+deflate',
  'int8+deflate',
  'int4+deflate',
  'model8',
  'model8+deflate',
] as const;

/** Of an activation that the model quantises to 8 bits: a value is scale × (code − zero point), computed in float32. */
const quantisationSchema = z.strictObject({
  /** That float32 holds. */
  scale: z.number().positive(),
  /** Codes are 0 to 255. */
  zeroPoint: z.number().int().min(0).max(255),
});

/** What an encoding costs. */
const lossFields = {
  /** Bytes per offloaded sample, on average over the held-out samples. */
  meanBytes: z.number().nonnegative(),
  /** Of the cascade on the held-out samples, under the bundle's thresholds, with samples offloaded here in this encoding. */
  agreement: z.number().min(0).max(1),
  /** Share of the held-out samples whose answer agrees only without this encoding. */
  agreementLost: z.number().min(0).max(1),
};

const activationCodecSchema = z.strictObject({
  encoding: z.enum(activationEncodings),
  /**
   * With integers: the scale of all channels, in units of the root mean square of the sample's elements. Default: each
   * channel's range is spread over all codes.
   */
  step: z.number().min(1e-6).max(1e6).optional(),
  ...lossFields,
});

/** How a picture is packed for the wire, without loss or with; see `shared/data/src/packing`. */
const losslessForms = ['uint8+deflate', 'webp-lossless'] as const;
const lossyForms = ['webp-near-lossless', 'webp', 'jpeg'] as const;

const pictureCodecSchema = z.discriminatedUnion('form', [
  z.strictObject({ form: z.enum(losslessForms), ...lossFields }),
  z.strictObject({ form: z.enum(lossyForms), quality: z.number().int().min(1).max(100), ...lossFields }),
]);

const stageSchema = z.strictObject({
  model: fileSchema,
  /** One sample of the stage's input, without the batch dimension. */
  inputShape: shape,
  /** One sample of the stage's `activation` output; `null` for the last stage. */
  activationShape: shape.nullable(),
  /** If the model quantises the activation itself. Rows that carry an exit's answer are float32 in any case. */
  quantisation: quantisationSchema.optional(),
  /** How a device that stops after this stage encodes the activation for the wire. Default: float32. */
  codec: activationCodecSchema.optional(),
  /** What it sends instead where the worker takes it. */
  learned: learnedCodecSchema.optional(),
  /**
   * How a device that stops before this stage can send the picture itself: the smallest of each form within the allowed
   * loss, the one with the fewest bytes first. Before stage 0 that is every picture.
   */
  pictures: z.array(pictureCodecSchema).min(1).max(16).optional(),
  /** Multiply-accumulates of the backbone's segment for one sample. */
  segmentMacs: count,
  segmentParameters: count,
  /** `null` for the last stage, whose exit is the backbone's own classifier. */
  branch: branchSchema.nullable(),
});

/** In characters. */
export const maxLabelLength = 200;
export const maxBundleNameLength = 100;
export const bundleNameSchema = z.string().min(1).max(maxBundleNameLength);

export const manifestSchema = z
  .strictObject({
    format: z.literal('offramp-bundle'),
    formatVersion: z.literal(1),
    name: bundleNameSchema,
    input: inputSchema,
    labels: z.array(z.string().max(maxLabelLength)).min(2),
    backbone: z.strictObject({
      file: z.string(),
      sha256,
      /** Multiply-accumulates of the whole backbone for one sample. Costs are shares of them. */
      macs: count.positive(),
      parameters: count,
    }),
    stages: z.array(stageSchema).min(1).max(256),
    /** Confidence and agreement of every exit on held-out samples. */
    calibration: z.strictObject({ table: fileSchema, samples: count }),
    /** The thresholds that apply until a controller sets others. */
    policy: z.strictObject({
      /** One per branch. */
      thresholds: z.array(z.number().min(0).max(maxThreshold)),
      /** The agreement on held-out samples that they were chosen for, in [0, 1]. */
      targetAgreement: z.number().min(0).max(1),
    }),
    /** How many stages a device runs itself by default. */
    deviceStages: z.number().int().positive(),
    provenance: z.strictObject({
      offrampVersion: z.string(),
      onnxruntimeVersion: z.string(),
      data: z.string(),
      trainingSamples: count,
      calibrationSamples: count,
      seed: z.number().int(),
      options: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    }),
  })
  .superRefine((manifest, context) => {
    const fail = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    const last = manifest.stages.length - 1;
    manifest.stages.forEach((stage, i) => {
      if ((stage.branch === null) !== (i === last)) {
        fail(['stages', i, 'branch'], 'expected a branch on every stage but the last');
      }
      if ((stage.activationShape === null) !== (i === last)) {
        fail(['stages', i, 'activationShape'], 'expected an activation from every stage but the last');
      }
      for (const key of ['codec', 'learned', 'quantisation'] as const) {
        if (stage[key] && i === last) {
          fail(['stages', i, key], 'expected none on the last stage, which has no activation');
        }
      }
      if (stage.pictures && !takesPictures(manifest.input)) {
        fail(['stages', i, 'pictures'], 'expected none where the input is not a grey or RGB picture');
      }
      if (stage.codec?.encoding.startsWith('model8') && !stage.quantisation) {
        fail(['stages', i, 'codec', 'encoding'], 'expected model8 only with a quantisation');
      }
      const symbols = (stage.learned?.tables ?? []).reduce((sum, table) => sum + table.symbols, 0);
      if (symbols > elementsOf(stage.activationShape ?? [0])) {
        fail(
          ['stages', i, 'learned', 'tables'],
          `expected no more symbols than the activation has elements; found ${symbols}`,
        );
      }
      const before = i === 0 ? manifest.input.shape : manifest.stages[i - 1]?.activationShape;
      if (before && before.join() !== stage.inputShape.join()) {
        fail(
          ['stages', i, 'inputShape'],
          `expected the activation of the stage before it, ${before.join('×')}`,
        );
      }
    });
    if (manifest.policy.thresholds.length !== last) {
      fail(['policy', 'thresholds'], `expected ${last}, one per branch`);
    }
    if (manifest.deviceStages > manifest.stages.length) {
      fail(['deviceStages'], `expected at most ${manifest.stages.length}, the number of stages`);
    }
    for (const { key, problem } of inputProblems(manifest.input)) {
      fail(['input', 'preprocessing', key], problem);
    }
  });

function takesPictures({ kind, shape: [channels] }: z.infer<typeof inputSchema>): boolean {
  return kind !== 'tensor' && (channels === 1 || channels === 3);
}

export type Manifest = z.infer<typeof manifestSchema>;
export type StageManifest = Manifest['stages'][number];
export type ActivationQuantisation = z.infer<typeof quantisationSchema>;
export type BranchManifest = NonNullable<StageManifest['branch']>;
export type ActivationCodecManifest = z.infer<typeof activationCodecSchema>;
export type PictureCodecManifest = z.infer<typeof pictureCodecSchema>;
export type PictureForm = PictureCodecManifest['form'];
export type ActivationEncoding = (typeof activationEncodings)[number];
export type ExitCriterion = (typeof exitCriteria)[number];

/**
 * Reads a manifest from its JSON text.
 * @throws OfframpError `BUNDLE_INVALID` with every field that is wrong
 */
export function parseManifest(text: string, where: string): Manifest {
  return parseBundleJson(manifestSchema, text, where, 'bundle manifest');
}
