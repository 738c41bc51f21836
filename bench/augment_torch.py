#!/usr/bin/env python3
"""The reference for `bench/augment-torch.mjs`: the same branches on the same frozen backbone, trained by PyTorch.

Reads a folder with spec.json, initial.f32, train.u8 and test.u8. Then takes lines from standard input and answers
each with a line of JSON: `steps N` trains N steps and returns the milliseconds, `test` returns each branch's agreement.
"""
import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper


class Backbone:
    """Runs the ONNX graph by PyTorch; constant nodes run once."""

    def __init__(self, path, watched):
        graph = onnx.load(path).graph
        self.input, self.output = graph.input[0].name, graph.output[0].name
        self.watched = watched
        self.constants = {t.name: torch.tensor(numpy_helper.to_array(t)) for t in graph.initializer}
        self.nodes = []
        for node in graph.node:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            if all(name in self.constants for name in node.input if name):
                inputs = [self.constants[name] if name else None for name in node.input]
                self.constants[node.output[0]] = operate(node.op_type, inputs, attributes)
            else:
                self.nodes.append((node.op_type, list(node.input), node.output[0], attributes))

    @torch.no_grad()
    def __call__(self, pictures):
        values = {**self.constants, self.input: pictures}
        for op, inputs, output, attributes in self.nodes:
            values[output] = operate(op, [values[name] if name else None for name in inputs], attributes)
        return values[self.output], [values[name] for name in self.watched]


def operate(op, x, a):
    if op == 'Constant':
        return torch.tensor(numpy_helper.to_array(a['value']))
    if op == 'ConstantOfShape':
        value = numpy_helper.to_array(a['value'])[0] if 'value' in a else np.float32(0)
        return torch.from_numpy(np.full(x[0].tolist(), value))
    if op == 'Conv':
        top, left, bottom, right = a['pads']
        assert (top, left) == (bottom, right)
        return F.conv2d(x[0], x[1], x[2] if len(x) > 2 else None, a['strides'], (top, left), a['dilations'], a['group'])
    if op == 'Relu':
        return F.relu(x[0])
    if op == 'Add':
        return x[0] + x[1]
    if op == 'Gemm':
        return F.linear(x[0], x[1] if a.get('transB') else x[1].t(), x[2])
    if op == 'AveragePool':
        assert not any(a.get('pads', [0]))
        return F.avg_pool2d(x[0], a['kernel_shape'], a['strides'])
    if op == 'Reshape':
        return x[0].reshape(x[1].tolist())
    if op == 'Transpose':
        return x[0].permute(*a['perm'])
    if op == 'Concat':
        return torch.cat(x, a['axis'])
    if op == 'Cast':
        return x[0].to({1: torch.float32, 7: torch.int64}[a['to']])
    if op == 'Shape':
        return torch.tensor(x[0].shape)
    if op == 'Gather':
        return torch.tensor(np.take(x[0].numpy(), x[1].numpy(), a.get('axis', 0)))
    if op == 'Unsqueeze':
        return x[0].reshape([1] + list(x[0].shape))
    if op == 'Slice':
        y = x[0]
        for start, end, axis, step in zip(*(t.tolist() for t in x[1:5])):
            size = y.shape[axis]
            picked = list(range(size))[slice(start, end if end >= -size else None, step)]
            regular = step > 0 and picked
            index = [slice(None)] * y.dim()
            index[axis] = slice(picked[0], picked[-1] + 1, step) if regular else picked
            y = y[tuple(index)]
        return y
    if op == 'Pad':
        ends = x[1].tolist()
        half = len(ends) // 2
        pairs = [(ends[i], ends[i + half]) for i in reversed(range(half))]
        return F.pad(x[0], [side for pair in pairs for side in pair])
    raise NotImplementedError(op)


class Branch:
    """The body of `augment/src/branches/body.ts` and its heads."""

    def __init__(self, name, spec, parameters):
        self.name, self.spec, self.parameters = name, spec, parameters
        self.running = {}

    def norm(self, x, name, training):
        p = self.parameters
        if name not in self.running:
            self.running[name] = (torch.zeros(x.shape[1]), torch.ones(x.shape[1]))
        mean, variance = self.running[name]
        return F.batch_norm(x, mean, variance, p[f'{name}.scale'], p[f'{name}.bias'], training, 0.1, 1e-5)

    def __call__(self, x, before, training):
        p = self.parameters
        for block in range(self.spec['blocks']):
            name = f'{self.name}.block{block}'
            large = min(x.shape[2:]) > 4
            if block == 0 and large:
                x = F.avg_pool2d(x, 2)
            stride = 2 if block > 0 and large else 1
            x = F.conv2d(x, p[f'{name}.weights'], None, stride, 1)
            x = F.relu(self.norm(x, f'{name}.norm', training))
        x = F.avg_pool2d(x, [side // self.spec['grid'] for side in x.shape[2:]]).flatten(1)
        if self.spec['reuse']:
            x = torch.cat([x, before.clamp(math.exp(-10), 1).log() * 0.2], 1)
        heads = [x @ p[f'{self.name}.{head}.weights'] + p[f'{self.name}.{head}.bias'] for head in ('class', 'confidence')]
        return heads[0], heads[1]


def loss_of(exits, teacher, spec):
    """`separateLoss` of `augment/src/branches/losses.ts`, all samples with equal weight."""
    share, temperature = spec['distillation'], spec['temperature']
    soft = F.softmax(teacher / temperature, 1)
    target = teacher.argmax(1)
    total = 0
    for logits, confidence in exits:
        hard = F.cross_entropy(logits, target)
        softened = -(soft * F.log_softmax(logits / temperature, 1)).sum(1).mean() * temperature**2
        agrees = (logits.detach().argmax(1) == target).float()
        confident = F.binary_cross_entropy_with_logits(confidence[:, 0], agrees)
        total = total + (1 - share) * hard + share * softened + confident
    return total / len(exits)


def use_fastest_threads(most, run):
    """More threads can be slower when other programs use the cores."""

    def seconds(threads):
        torch.set_num_threads(threads)
        run()
        started = time.perf_counter()
        run()
        run()
        return time.perf_counter() - started

    torch.set_num_threads(min(range(1, most + 1), key=seconds))


def main():
    folder = Path(sys.argv[1])
    spec = json.loads((folder / 'spec.json').read_text())
    torch.set_flush_denormal(True)
    backbone = Backbone(spec['model'], [branch['cutPoint'] for branch in spec['branches']])
    flat = np.fromfile(folder / 'initial.f32', np.float32)
    parameters, offset = {}, 0
    for entry in spec['parameters']:
        size = int(np.prod(entry['shape']))
        values = flat[offset : offset + size].reshape(entry['shape']).copy()
        parameters[entry['name']] = torch.from_numpy(values).requires_grad_()
        offset += size
    branches = [Branch(f'branch{i}', branch, parameters) for i, branch in enumerate(spec['branches'])]
    optimizer = torch.optim.AdamW(
        [
            {'params': [p for p in parameters.values() if p.dim() >= 2], 'weight_decay': spec['weightDecay']},
            {'params': [p for p in parameters.values() if p.dim() < 2], 'weight_decay': 0},
        ],
        eps=1e-8,
    )
    channels, height, width = spec['shape']
    mean, std = (torch.tensor(spec[key]).reshape(1, -1, 1, 1) for key in ('mean', 'std'))

    def open_pictures(name):
        return np.memmap(folder / name, np.uint8, 'r').reshape(-1, channels, height, width)

    def prepared(pictures):
        return (torch.from_numpy(pictures.copy()).float() / 255 - mean) / std

    def answers(activations, training):
        exits, before = [], None
        for branch, activation in zip(branches, activations):
            logits, confidence = branch(activation, before, training)
            before = F.softmax(logits, 1).detach()
            exits.append((logits, confidence))
        return exits

    train, test, batch = open_pictures('train.u8'), open_pictures('test.u8'), spec['batchSize']
    use_fastest_threads(spec['threads'], lambda: backbone(prepared(train[:batch])))
    done = 0
    print(json.dumps({'torch': torch.__version__, 'threads': torch.get_num_threads()}), flush=True)
    for line in sys.stdin:
        command, *rest = line.split()
        if command == 'steps':
            started = time.perf_counter()
            for _ in range(int(rest[0])):
                progress = done / spec['steps']
                rate = (progress + 0.002) / 0.1 if progress < 0.1 else 0.5 * (1 + math.cos(math.pi * (progress - 0.1) / 0.9))
                for group in optimizer.param_groups:
                    group['lr'] = rate * spec['learningRate']
                teacher, activations = backbone(prepared(train[done * batch : (done + 1) * batch]))
                optimizer.zero_grad(set_to_none=True)
                loss = loss_of(answers(activations, True), teacher, spec)
                loss.backward()
                optimizer.step()
                done += 1
            print(json.dumps({'ms': 1000 * (time.perf_counter() - started), 'loss': loss.item()}), flush=True)
        elif command == 'test':
            agreed = [0] * len(branches)
            with torch.no_grad():
                for start in range(0, len(test), 128):
                    teacher, activations = backbone(prepared(test[start : start + 128]))
                    for i, (logits, _) in enumerate(answers(activations, False)):
                        agreed[i] += int((logits.argmax(1) == teacher.argmax(1)).sum())
            print(json.dumps({'agreement': [count / len(test) for count in agreed]}), flush=True)


main()
