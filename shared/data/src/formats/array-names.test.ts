import { describe, expect, it } from 'vitest';
import { labelsNameFor, sampleNames } from './array-names.js';

describe('names of arrays', () => {
  it.each([
    ['x_train y_train x_test y_test', 'x_train x_test'],
    ['train_images train_labels val_images ids', 'train_images val_images'],
    ['arr_0 arr_1', 'arr_0'],
    ['train test labels', 'train test'],
    ['images-1 labels-1 IMAGES.2', 'images-1 IMAGES.2'],
    ['y targets', ''],
    ['signals_train labels_train rate', 'signals_train'],
  ])('finds the samples in %s', (names, samples) => {
    expect(sampleNames(names.split(' '))).toEqual(samples.split(' ').filter(Boolean));
  });

  it.each([
    ['x_train', 'x_train y_train y_test', 'y_train'],
    ['images', 'images labels', 'labels'],
    ['images_2', 'images_1 labels_1 images_2 labels_2', 'labels_2'],
    ['digits', 'digits y', 'y'],
    ['train', 'train test labels', null],
    ['x', 'x', null],
  ])('finds the labels of %s in %s', (samples, names, labels) => {
    expect(labelsNameFor(samples, names.split(' '))).toBe(labels);
  });
});
