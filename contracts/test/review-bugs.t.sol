// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IQUIVerStaking} from "../src/interfaces/IQUIVerStaking.sol";
import {StakingSetup} from "./support/StakingSetup.sol";
import {vm} from "./support/Vm.sol";

// Faults that a review found, each with what now stops it.

contract ReviewStakingBugTest is StakingSetup {
    /// The cap is counted in shares of whatever was staked then: a cheap report buys immunity for a large stake.
    function test_Bug11_a_report_on_a_small_stake_does_not_use_up_the_cap_of_a_large_one() public {
        stakeAs(alice, 1_000 * QUIV);
        // An accomplice of Alice's, who loses 50 QUIV by it all in all.
        bytes32 own = reportFailures(alice, 1, 20);
        stakeAs(alice, 1_000_000 * QUIV);
        vm.prank(carol);
        bytes32 honest = staking.proposeSlash(alice, IQUIVerStaking.Violation.Equivocation, digests(1, 2));
        skip(3 days);
        staking.executeSlash(alice, own);
        uint256 amount = staking.executeSlash(alice, honest);
        isTrue(amount >= 50_000 * QUIV, "five per cent of a million, whatever was reported before");
    }

    /// What was due for withdrawal long ago counts in a base and can leave all the same: a penalty that finds nothing
    /// left must use up nothing of the cap of what is staked afterwards.
    function test_Bug11_a_report_that_finds_nothing_left_does_not_use_up_the_cap() public {
        stakeAs(alice, 1_000_000 * QUIV);
        vm.startPrank(alice);
        staking.requestUnstake(1_000_000 * QUIV);
        skip(28 days);
        vm.stopPrank();
        bytes32 own = reportFailures(alice, 1, 20);
        uint256 epoch = block.timestamp / 7 days;
        vm.prank(alice);
        staking.withdraw();
        skip(3 days);
        eq(staking.executeSlash(alice, own), 0, "nothing is left");
        eq(staking.slashedInEpoch(alice, epoch), 0, "nothing is counted");
        stakeAs(alice, 1_000_000 * QUIV);
        bytes32 honest = reportPair(alice, 1);
        eq(block.timestamp / 7 days, epoch, "the same epoch");
        skip(3 days);
        eq(staking.executeSlash(alice, honest), 50_000 * QUIV, "in full");
    }

    /// The cap is ten per cent of the largest base that was reported in the epoch, in whatever order.
    function test_Bug11_small_and_large_reports_take_one_cap_together() public {
        stakeAs(alice, 1_000 * QUIV);
        bytes32 small = reportFailures(alice, 1, 20);
        stakeAs(alice, 999_000 * QUIV);
        bytes32 large = reportFailures(alice, 100, 20);
        bytes32 more = reportPair(alice, 1);
        skip(3 days);
        eq(staking.executeSlash(alice, small), 100 * QUIV, "ten per cent of a thousand");
        eq(staking.executeSlash(alice, large), 99_900 * QUIV, "the rest of ten per cent of a million");
        eq(staking.executeSlash(alice, more), 0, "nothing above the cap");
    }

    function test_Bug11_a_small_report_takes_nothing_after_a_large_one() public {
        stakeAs(alice, 1_000 * QUIV);
        bytes32 small = reportFailures(alice, 1, 1);
        stakeAs(alice, 999_000 * QUIV);
        bytes32 large = reportFailures(alice, 100, 1);
        skip(3 days);
        eq(staking.executeSlash(alice, large), 5_000 * QUIV, "half a per cent");
        eq(staking.executeSlash(alice, small), 0, "its own base's cap is passed already");
    }
}
