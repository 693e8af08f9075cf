"""The furnished house of `releve demo`: made-up meters that speak into real ports, and two years of their past."""

from gateway.demo.demo import Demo

__all__ = ["Demo"]
