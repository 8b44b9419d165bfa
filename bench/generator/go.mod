module boxyard/bench/generator

go 1.26
