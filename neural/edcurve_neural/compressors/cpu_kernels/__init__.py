"""Steps of training on a CPU, compiled by numba: model by model, without the interpreter's lock, in float32.

Everything here is imported late, by what is about to train: compiling, or loading what was compiled before, takes time.
Kernels trust their input and hold no policy.
"""
