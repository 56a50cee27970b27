// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice From a stake to its tier and the weight that its rewards are counted with.
library Tiers {
    uint256 internal constant BRONZE = 1_000e18;
    uint256 internal constant SILVER = 10_000e18;
    uint256 internal constant GOLD = 50_000e18;
    uint256 internal constant PLATINUM = 200_000e18;

    uint256 internal constant ONE_BPS = 10_000;

    /// @return tier 0 for none, 1 Bronze, 2 Silver, 3 Gold, 4 Platinum
    /// @return weightBps basis points by which the stake counts; below Bronze it earns nothing
    function rank(uint256 staked) internal pure returns (uint8 tier, uint16 weightBps) {
        if (staked < BRONZE) return (0, 0);
        if (staked < SILVER) return (1, 10_000);
        if (staked < GOLD) return (2, 11_500);
        if (staked < PLATINUM) return (3, 13_000);
        return (4, 15_000);
    }

    /// @return the weight of a stake, rounded down
    function weightOf(uint256 staked, uint256 weightBps) internal pure returns (uint256) {
        return (staked * weightBps) / ONE_BPS;
    }
}
