"""Update rules as people write them, right ones as text, to be spoiled by changing a few characters of it."""

import numpy as np

CODE = {
    "sgd": """
class Update:
    def __init__(self):
        self.v = {}

    def update(self, params, grads):
        for k, w in params.items():
            g = grads[k] + wd * w
            w -= lr * g
""",
    "momentum": """
class Update:
    def __init__(self):
        self.v = {}

    def update(self, params, grads):
        for k, w in params.items():
            g = grads[k] + wd * w
            v = self.v[k] = mu * self.v.get(k, 0) + g
            w -= lr * v
""",
    "adam": """
class Update:
    def __init__(self):
        self.t, self.m, self.v, self.g = 0, {}, {}, {}

    def update(self, params, grads):
        b1, b2 = B1, B2
        self.t += 1
        for k, w in params.items():
            g = grads[k]
            t = self.t
            m = self.m[k] = b1 * self.m.get(k, 0) + (1 - b1) * g
            v = self.v[k] = b2 * self.v.get(k, 0) + (1 - b2) * g * g
            m_hat = m / (1 - b1**t)
            v_hat = v / (1 - b2**t)
            w -= lr * m_hat / (np.sqrt(v_hat) + eps)
""",
    "object": """
class Update:
    def __init__(self, layers):
        self.layers, self.lr, self.first, self.v = layers, lr, lr, {}

    def zero_grad(self):
        for layer in self.layers:
            layer.dW[...] = 0

    def step(self):
        for k, layer in enumerate(self.layers):
            w, g = layer.W, layer.dW + wd * layer.W
            v = self.v[k] = mu * self.v.get(k, 0) + g
            w -= self.lr * v
""",
}
CODE["nesterov"] = CODE["momentum"].replace("lr * v", "lr * (g + mu * v)")
CODE["adamw"] = CODE["adam"].replace("            g = grads[k]\n", "            g = grads[k]\n            w *= 1 - lr * wd\n")

RULES = {"object": "momentum"}  # that is no rule, but a form
OPTIONS = {  # what the code reads, and what check_update is told
    "sgd": {"lr": 0.05, "weight_decay": 0.1},
    "momentum": {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1},
    "nesterov": {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1},
    "adam": {"lr": 0.01, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "adamw": {"lr": 0.01, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
}


class Affine:
    """A layer with a weight and its gradient, for the optimizers that hold layers."""

    def __init__(self, *shape):
        self.W, self.dW = np.ones(shape), np.zeros(shape)


def spoiled(rule, old="", new=""):
    """What check_update takes, the rule and its options, with one piece of the code replaced by another."""
    code = CODE[rule]
    if old not in code:
        raise ValueError(f"{old!r} is not in the code of {rule}")
    options = OPTIONS[RULES.get(rule, rule)]
    names = {"np": np, "copy": __import__("copy"), "lr": options["lr"], "mu": options.get("momentum"),
             "wd": options.get("weight_decay", 0.0), "B1": options.get("beta1"), "B2": options.get("beta2"),
             "eps": options.get("eps")}
    exec(code.replace(old, new) if old else code, names)
    made = names["Update"]([Affine(4, 3), Affine(2, 3)]) if rule == "object" else names["Update"]().update
    return made, RULES.get(rule, rule), options
