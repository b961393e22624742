"""PyTorch, CPU: the usual nn.Sequential + F.cross_entropy + torch.optim loop."""
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.set_num_interop_threads(1)


def model_of(weights):
    layers = []
    for i in range(0, len(weights), 2):
        W, b = (torch.from_numpy(v.copy()) for v in weights[i : i + 2])
        lin = torch.nn.Linear(*W.shape, dtype=W.dtype)
        lin.weight.data, lin.bias.data = W.T.contiguous(), b
        layers += [lin, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def weights_of(model):
    out = []
    for lin in model:
        if isinstance(lin, torch.nn.Linear):
            out += [lin.weight.detach().numpy().T, lin.bias.detach().numpy()]
    return out


def train(p):
    batches = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in p.batches]
    model = model_of(p.weights)
    start = [v.detach().clone() for v in model.parameters()]

    def loss_of(x, y):
        return F.cross_entropy(model(x), y)

    def run():
        with torch.no_grad():
            for v, s in zip(model.parameters(), start):
                v.copy_(s)
        opt = torch.optim.SGD(model.parameters(), lr=p.lr)
        losses = []
        for _ in range(p.epochs):
            for x, y in batches:
                opt.zero_grad()
                loss = loss_of(x, y)
                loss.backward()
                opt.step()
                losses.append(loss.item())
        return weights_of(model)

    return run
